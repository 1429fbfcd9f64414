//! Nodes that leave, alive and dead, step by step: a small model of cluster and machine carries out what
//! `step` says, and every order of events must end with nothing of the node left.

use super::*;
use crate::cluster::pods::Kind;

const ALIVE: Object = Object { ready: true, cordoned: false, out_of_service: false };

fn pod(name: &str, kind: Kind) -> Pod {
    let (namespace, name) = name.split_once('/').unwrap();
    Pod {
        namespace: namespace.into(),
        name: name.into(),
        uid: name.into(),
        labels: Default::default(),
        kind,
        empty_dir: false,
        ending: false,
    }
}

fn members(names: &[&str]) -> Vec<EtcdMember> {
    let member = |name: &&str| EtcdMember {
        id: name.to_string(),
        name: name.to_string(),
        learner: false,
        healthy: true,
    };
    names.iter().map(member).collect()
}

fn worker() -> Seen<'static> {
    Seen {
        node: "node07",
        cluster: "prod",
        verb: "reprovision",
        control_plane: false,
        before: None,
        agent: Agent::Here,
        stopped: false,
        fenced: false,
        power: None,
        power_off: false,
        forced: false,
        object: Some(ALIVE),
        pods: &[],
        snapshot: Progress::Due,
        address: Progress::Due,
        members: Some(&[]),
        removal: Progress::Due,
    }
}

/// Cluster and machine, as they answer to what is done.
struct Floor {
    object: Option<Object>,
    pods: Vec<Pod>,
    members: Vec<EtcdMember>,
    stopped: bool,
    snapshot: Progress,
    address: Progress,
    agent: Agent,
    powered: bool,
    fenced: bool,
}

impl Floor {
    fn new(pods: &[Pod], members: Vec<EtcdMember>) -> Floor {
        Floor {
            object: Some(ALIVE),
            pods: pods.to_vec(),
            members,
            stopped: false,
            snapshot: Progress::Due,
            address: Progress::Due,
            agent: Agent::Here,
            powered: true,
            fenced: false,
        }
    }

    fn off(mut self) -> Floor {
        (self.powered, self.agent) = (false, Agent::Silent { since: 0 });
        self.object = self.object.map(|object| Object { ready: false, ..object });
        for member in self.members.iter_mut().filter(|member| member.name == "node07") {
            member.healthy = false;
        }
        self
    }

    fn seen<'a>(&'a self, of: &Seen<'static>) -> Seen<'a> {
        Seen {
            agent: self.agent,
            fenced: of.fenced || self.fenced,
            stopped: self.stopped,
            object: self.object,
            pods: &self.pods,
            snapshot: self.snapshot.clone(),
            address: self.address.clone(),
            members: Some(&self.members),
            ..of.clone()
        }
    }

    /// The world after an action; a pod ends a look after it was told to.
    fn act(&mut self, action: &Action) {
        let object = self.object.as_mut();
        if self.powered {
            self.pods.retain(|pod| !pod.ending);
        }
        match action {
            Action::Wait(_) | Action::ReadMembers | Action::Done => {}
            Action::Fence => {
                assert!(!self.powered, "a node that runs was given up");
                self.fenced = true;
            }
            Action::Cordon => object.unwrap().cordoned = true,
            Action::Snapshot => self.snapshot = Progress::Done,
            Action::Evict(evicted) => {
                assert!(self.object.unwrap().cordoned, "evicted pods would come back");
                for pod in self.pods.iter_mut().filter(|pod| evicted.contains(pod)) {
                    pod.ending = true;
                }
            }
            Action::TaintOutOfService => {
                assert!(!self.powered, "two of each pod would run");
                object.unwrap().out_of_service = true;
                self.pods.retain(|pod| pod.kind == Kind::Stays);
            }
            Action::MoveAddress => self.address = Progress::Done,
            Action::RemoveMember(who) => {
                assert_eq!(self.snapshot, Progress::Done);
                self.members.retain(|member| member.name != *who && member.id != *who);
            }
            Action::AskAgent => {
                assert!(self.members.iter().all(|member| member.name != "node07"));
                self.stopped = true;
            }
            Action::DeleteNode => {
                assert!(self.stopped || !self.powered, "its kubelet would register again");
                self.object = None;
            }
        }
    }

    fn run(&mut self, of: &Seen<'static>) -> Vec<Action> {
        let mut actions = Vec::new();
        for _ in 0..50 {
            let action = step(&self.seen(of));
            self.act(&action);
            actions.push(action.clone());
            let waits_for_ever = matches!(action, Wait(_)) && step(&self.seen(of)) == action;
            if action == Action::Done || waits_for_ever {
                return actions;
            }
        }
        panic!("it never ends: {actions:?}");
    }
}

fn names(actions: &[Action]) -> Vec<String> {
    actions.iter().map(|a| format!("{a:?}").split('(').next().unwrap().to_string()).collect()
}

#[test]
fn a_worker_leaves_step_by_step() {
    let pods = [pod("shop/web", Kind::Controlled), pod("kube-system/kube-proxy", Kind::Stays)];
    let mut floor = Floor::new(&pods, Vec::new());
    let actions = floor.run(&worker());
    assert_eq!(names(&actions), ["Cordon", "Evict", "Wait", "AskAgent", "DeleteNode", "Done"]);
    assert_eq!(actions[2], Wait("1 pod to end: shop/web".into()));
}

#[test]
fn a_control_plane_leaves_etcd_before_it_stops() {
    let mut floor = Floor::new(&[], members(&["node01", "node07"]));
    let actions = floor.run(&Seen { control_plane: true, ..worker() });
    let order = ["Cordon", "Snapshot", "MoveAddress", "RemoveMember", "AskAgent", "DeleteNode", "Done"];
    assert_eq!(names(&actions), order);
    assert_eq!(floor.members.len(), 1);
}

#[test]
fn the_last_control_plane_stays() {
    let mut floor = Floor::new(&[], members(&["node07"]));
    let actions = floor.run(&Seen { control_plane: true, ..worker() });
    assert_eq!(
        actions.last(),
        Some(&Wait(
            "etcd to spare it: it is the last control plane of prod: `metalctl cluster reset prod` ends the cluster".into()
        ))
    );
}

#[test]
fn a_dead_machine_leaves_once_its_power_is_known_to_be_off() {
    let pods = [pod("shop/web", Kind::Controlled), pod("hub/anna", Kind::Alone)];
    let mut floor = Floor::new(&pods, members(&["node01", "node02", "node07"])).off();
    let dead = Seen { control_plane: true, ..worker() };
    let waits = floor.run(&dead);
    let Wait(why) = &waits[0] else { panic!("{waits:?}") };
    assert!(why.contains("`metalctl machine reprovision node07 --powered-off`"), "{why}");
    let actions = floor.run(&Seen { fenced: true, ..dead });
    let order = ["Cordon", "Snapshot", "TaintOutOfService", "RemoveMember", "DeleteNode", "Done"];
    assert_eq!(names(&actions), order);
}

#[test]
fn the_word_of_its_bmc_fences_a_dead_machine() {
    let pods = [pod("shop/web", Kind::Controlled)];
    let mut floor = Floor::new(&pods, Vec::new()).off();
    let on = Seen { power: Some(Power::On), ..worker() };
    let Wait(why) = step(&floor.seen(&on)) else { panic!("what its BMC reads as on was given up") };
    assert!(why.contains("`metalctl machine power off node07` is enough"), "{why}");
    let off = Seen { power: Some(Power::Off), power_off: true, ..worker() };
    let actions = floor.run(&off);
    assert_eq!(names(&actions), ["Fence", "Cordon", "TaintOutOfService", "DeleteNode", "Done"]);
}

#[test]
fn what_is_wanted_off_is_asked_nothing_and_fenced_only_once_it_is_dead() {
    let off = Seen { power: Some(Power::Off), power_off: true, ..worker() };
    let rests = Wait("its power: it is wanted off, and nothing is asked of it before it is on again".into());
    assert_eq!(step(&off), rests, "its agent was heard a moment ago");
    let ready = Seen { agent: Agent::Silent { since: 0 }, ..off.clone() };
    assert_eq!(step(&ready), rests, "its kubelet speaks");
    assert_eq!(step(&Seen { stopped: true, ..off }), Action::Cordon, "it has stopped for good");
}

#[test]
fn what_still_speaks_is_not_fenced() {
    let silent = Agent::Silent { since: 0 };
    let fenced =
        Seen { fenced: true, agent: silent, object: Some(Object { cordoned: true, ..ALIVE }), ..worker() };
    let Wait(why) = step(&fenced) else { panic!("a Ready node was given up") };
    assert!(why.contains("while its node is Ready"), "{why}");
    let off = Object { ready: false, cordoned: true, out_of_service: true };
    let talks = members(&["node01", "node02", "node07"]);
    let answers = Seen {
        control_plane: true,
        object: Some(off),
        snapshot: Progress::Done,
        members: Some(&talks),
        ..fenced
    };
    let Wait(why) = step(&answers) else { panic!("a member that answers was removed as dead") };
    assert!(why.contains("still answers"), "{why}");
}

#[test]
fn a_machine_that_never_became_a_node_passes() {
    let early = Seen { object: None, ..worker() };
    assert_eq!(step(&early), Action::AskAgent);
    assert_eq!(step(&Seen { stopped: true, ..early.clone() }), Action::Done);
    assert_eq!(step(&Seen { agent: Agent::Silent { since: 0 }, ..early }), Action::Done);
}

#[test]
fn pods_without_a_controller_keep_it_until_a_person_says_so() {
    let pods = [pod("hub-students/jupyter-anna", Kind::Alone), pod("hub-students/jupyter-ben", Kind::Alone)];
    let mut floor = Floor::new(&pods, Vec::new());
    let actions = floor.run(&worker());
    assert_eq!(
        actions.last(),
        Some(&Wait(
            "2 pods without a controller: hub-students/jupyter-anna, hub-students/jupyter-ben; \
             `metalctl machine reprovision node07 --force` evicts them"
                .into()
        ))
    );
    let actions = floor.run(&Seen { forced: true, ..worker() });
    assert_eq!(names(&actions), ["Evict", "Wait", "AskAgent", "DeleteNode", "Done"]);
}

#[test]
fn a_kubelet_that_is_gone_is_not_waited_for() {
    let mut web = pod("shop/web", Kind::Controlled);
    web.ending = true;
    let silent_kubelet = Object { ready: false, cordoned: true, out_of_service: false };
    let pods = [web];
    let seen = Seen { object: Some(silent_kubelet), pods: &pods, ..worker() };
    assert_eq!(step(&seen), Action::AskAgent);
}

#[test]
fn half_of_a_failed_join_leaves_etcd_too() {
    let mut half = members(&["node01", "fd42"]);
    (half[1].name, half[1].learner, half[1].healthy) = (String::new(), true, false);
    let mut floor = Floor::new(&[], half);
    let actions = floor.run(&Seen { control_plane: true, ..worker() });
    assert!(actions.contains(&Action::RemoveMember("fd42".into())), "{actions:?}");
    assert_eq!(floor.members, members(&["node01"]));
}

#[test]
fn control_planes_leave_one_at_a_time() {
    let queued = Seen { control_plane: true, before: Some("node03"), ..worker() };
    assert_eq!(step(&queued), Wait("its turn: node03 is joining or leaving prod before it".into()));
    assert_eq!(step(&Seen { control_plane: false, ..queued }), Action::Cordon);
}

#[test]
fn what_a_control_planes_agent_could_not_do_is_said() {
    let all = members(&["node01", "node02", "node07"]);
    let failed = Seen {
        control_plane: true,
        object: Some(Object { cordoned: true, ..ALIVE }),
        members: Some(&all),
        snapshot: Progress::Failed("no space left on device".into()),
        ..worker()
    };
    let why = "a snapshot of etcd, which failed and is tried again: no space left on device";
    assert_eq!(step(&failed), Wait(why.into()));
    assert_eq!(
        step(&Seen { snapshot: Progress::Running, ..failed.clone() }),
        Wait("a snapshot of etcd".into())
    );
    let unknown = Seen { snapshot: Progress::Done, members: None, ..failed };
    assert_eq!(step(&unknown), Action::ReadMembers);
}

/// Every mixture of pods, powers, words of operators and roles: `Floor::act` refuses what must not happen, and only
/// a person's missing word keeps a node.
#[test]
fn whatever_stands_on_the_floor_ends_with_nothing_of_the_node_or_with_a_person() {
    let all = [
        pod("shop/web", Kind::Controlled),
        pod("hub/anna", Kind::Alone),
        pod("kube-system/proxy", Kind::Stays),
    ];
    let mut ended = 0;
    for mixture in 0..256_u32 {
        let [control_plane, off, fenced, forced, registered, web, anna, proxy] =
            [0, 1, 2, 3, 4, 5, 6, 7].map(|bit| mixture >> bit & 1 == 1);
        let chosen = all.iter().zip([web, anna, proxy]).filter(|(_, there)| *there && registered);
        let pods: Vec<Pod> = chosen.map(|(pod, _)| pod.clone()).collect();
        let etcd = if control_plane { members(&["node01", "node02", "node07"]) } else { Vec::new() };
        let mut floor = Floor::new(&pods, etcd);
        floor.object = registered.then_some(ALIVE);
        if off {
            floor = floor.off();
        }
        let of = Seen { control_plane, fenced, forced, ..worker() };
        let last = floor.run(&of).pop().unwrap();
        let waits_for_power = off && !fenced && (registered || control_plane);
        let waits_for_word = !off && anna && registered && !forced;
        match last {
            Action::Done => {
                assert!(!waits_for_power && !waits_for_word, "{of:?}");
                assert!(floor.object.is_none() && floor.members.iter().all(|member| member.name != "node07"));
                assert!(floor.stopped || off);
                ended += 1;
            }
            Wait(why) => assert!(waits_for_power || waits_for_word, "{of:?} waits for {why}"),
            other => panic!("{of:?} ends with {other:?}"),
        }
    }
    assert!(ended > 128);
}
