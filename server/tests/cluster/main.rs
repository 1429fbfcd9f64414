//! Machines that join a cluster: the documents and files they are given, which kubelets are let in, and who gets
//! join secrets at all.

mod api_server;
mod approve;
mod balancer;
mod documents;
mod join;
mod observe;
mod site;
