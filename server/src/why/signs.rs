//! By which words the cause of a failure, or of a refusal to erase, is known. They are the server's and the agent's
//! own; a test holds them to the sources. Pure.

use super::cause::Cause;

/// In this order: what is most particular comes first.
pub const SIGNS: &[(&str, Cause)] = &[
    // Of the server, before anything is erased.
    ("its hardware is not known yet", Cause::HardwareUnknown),
    ("it has no profile that the site file still declares", Cause::ProfileGone),
    ("is not in the images folder", Cause::ImageGone),
    ("is no operating system: name another", Cause::NoOperatingSystem),
    ("the machine has no disk", Cause::NoDisk),
    ("no disk fits the profile's disk rule", Cause::NoDiskFits),
    ("the disk rule cannot tell", Cause::Ambiguous),
    ("has neither serial nor WWN", Cause::NoSerial),
    ("has the same serial and WWN as", Cause::NoSerial),
    ("the layout needs", Cause::LayoutTooLarge),
    ("and the layout gives root", Cause::ImageTooLarge),
    ("wants a person to say so", Cause::Approval),
    ("is not empty (", Cause::Content),
    (", which is not ours", Cause::ForeignSite),
    (", which is another machine's", Cause::ForeignMachine),
    ("(was the database restored?)", Cause::ForeignNewer),
    ("holds generation", Cause::ForeignNewer),
    ("what a person was shown is", Cause::NotShown),
    ("when a person said yes, and holds", Cause::DiskChanged),
    // Of the agent that joins: its own sentences before kubeadm's words, which may hold anything.
    ("this machine cannot be a node yet", Cause::JoinChecks),
    ("no join token within", Cause::JoinNoToken),
    ("the server gives no join token", Cause::JoinNoToken),
    ("the cluster does not know the join token", Cause::JoinToken),
    ("the cluster's CA is not the one that the server knows", Cause::JoinCa),
    ("the control planes' certificates could not be taken over", Cause::JoinKey),
    ("the API server cannot be reached", Cause::JoinEndpoint),
    ("the clocks of this machine and of the cluster are apart", Cause::JoinClock),
    ("the kubelet does not run", Cause::JoinKubelet),
    ("the kubelet's request for a certificate was not signed", Cause::JoinKubeletCertificate),
    ("containerd does not do its part", Cause::JoinRuntime),
    ("etcd did not take the new member", Cause::JoinEtcd),
    ("a node of this name is Ready in the cluster", Cause::JoinNameTaken),
    ("kubeadm's own checks refuse this machine", Cause::JoinPreflight),
    ("the control plane did not come up in time", Cause::JoinTimeout),
    ("kubeadm failed", Cause::JoinOther),
    // Of the agent that writes.
    ("no disk here is", Cause::DiskGone),
    ("disks here are", Cause::DiskGone),
    ("is planned with", Cause::DiskGone),
    ("is read-only: a jumper", Cause::DiskReadOnly),
    ("is not as it was when the plan was frozen", Cause::DiskChanged),
    ("is it in use?", Cause::DiskInUse),
    ("it changed on the way", Cause::PlanAltered),
    ("the plan is for machine", Cause::PlanAltered),
    ("are not the plan's", Cause::DiskWrites),
    ("cannot write to", Cause::DiskWrites),
    ("cannot flush", Cause::DiskWrites),
    ("the kernel did not read the new table of", Cause::DiskWrites),
    ("the kernel sees", Cause::DiskWrites),
    ("attempts that brought nothing", Cause::Download),
    ("the image ends before its last byte", Cause::ImageCorrupt),
    ("has the SHA-256", Cause::ImageCorrupt),
    ("is longer than the", Cause::ImageCorrupt),
    ("cannot decompress", Cause::ImageCorrupt),
    ("which its manifest names", Cause::ImageIncomplete),
    ("cannot read the EFI loader", Cause::ImageIncomplete),
    ("is it in this image?", Cause::ImageIncomplete),
    ("should hold", Cause::FileSystem),
    ("cannot mount", Cause::FileSystem),
    ("mkfs", Cause::FileSystem),
    ("resize2fs", Cause::FileSystem),
    ("e2fsck", Cause::FileSystem),
    ("this agent runs from an installed disk and writes to none", Cause::WrongHome),
    ("this agent runs in RAM, where no node can live", Cause::WrongHome),
];

pub fn known(text: &str) -> Option<Cause> {
    SIGNS.iter().find(|(sign, _)| text.contains(sign)).map(|(_, cause)| *cause)
}
