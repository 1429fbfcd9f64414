//! Whether etcd can spare a control plane. Asked by every path that interrupts one, before it does: the answer
//! is yes, or a sentence with the numbers that say no.

use api::cluster::EtcdMember;

/// What is about to happen to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// It stops for a while, and comes back as the same member: a reboot, an upgrade, new certificates.
    Pause,
    /// It was switched on and not heard of, and is to be switched off and on again.
    Restart,
    /// It leaves for good, by its own strength.
    Remove,
    /// It is off and will not come back; the others strike it from their list.
    RemoveDead,
}

/// `target`: by its name, or by its id where it never started and has no name. Learners have no vote, so only
/// voters count. A machine that is no member interrupts nothing.
pub fn guard(cluster: &str, members: &[EtcdMember], target: &str, what: Interruption) -> Result<(), String> {
    let is_target = |member: &&EtcdMember| member.name == target || member.id == target;
    let Some(member) = members.iter().find(is_target) else { return Ok(()) };
    let others = || members.iter().filter(|other| !other.learner && other.id != member.id);
    let voters = others().count() + usize::from(!member.learner);
    let left = others().filter(|other| other.healthy).count();
    let healthy = left + usize::from(!member.learner && member.healthy);
    let counted = format!("{}, {healthy} healthy", number(voters, "voter"));
    match what {
        // It answers nobody: nothing is lost by it.
        Interruption::Restart if !member.healthy => Ok(()),
        Interruption::Pause | Interruption::Restart if left < quorum(voters) => {
            Err(format!("{counted}: pausing {target} would leave {left}, and {} needed", are(quorum(voters))))
        }
        Interruption::Pause | Interruption::Restart => Ok(()),
        _ if !member.learner && voters == 1 => Err(last(cluster)),
        Interruption::RemoveDead if member.healthy => {
            Err(format!("{target} still answers as a member of etcd, so it is not off"))
        }
        _ if healthy < quorum(voters) => Err(format!(
            "{counted}: etcd has no quorum ({} needed) and can remove no member until one more is well; where \
             none comes back, restore a snapshot",
            are(quorum(voters))
        )),
        _ if left < quorum(others().count()) => Err(format!(
            "{counted}: removing {target} would leave {left} healthy of {}, and {} needed",
            others().count(),
            are(quorum(others().count()))
        )),
        _ => Ok(()),
    }
}

/// Why the last control plane stays.
pub fn last(cluster: &str) -> String {
    format!("it is the last control plane of {cluster}: `metalctl cluster reset {cluster}` ends the cluster")
}

const fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

fn number(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn are(count: usize) -> String {
    format!("{count} {}", if count == 1 { "is" } else { "are" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [(bool, bool); 4] = [(false, true), (false, false), (true, true), (true, false)];
    const ALL: [Interruption; 4] =
        [Interruption::Pause, Interruption::Restart, Interruption::Remove, Interruption::RemoveDead];

    fn member(number: usize, (learner, healthy): (bool, bool)) -> EtcdMember {
        EtcdMember { id: format!("{number:x}"), name: format!("node{number:02}"), learner, healthy }
    }

    /// Every cluster of this many members: voter or learner, healthy or not, each for itself.
    fn clusters(members: u32) -> impl Iterator<Item = Vec<EtcdMember>> {
        (0..4usize.pow(members)).map(move |code| {
            let kind = |n: u32| KINDS[code / 4usize.pow(n) % 4];
            (0..members).map(|n| member(n as usize, kind(n))).collect()
        })
    }

    /// The rules a second time, in the words of etcd: a majority of those who vote must answer.
    fn expected(members: &[EtcdMember], target: usize, what: Interruption) -> bool {
        let majority = |answering: usize, of: usize| 2 * answering > of;
        let voters: Vec<usize> = (0..members.len()).filter(|&n| !members[n].learner).collect();
        let without: Vec<usize> = voters.iter().copied().filter(|&n| n != target).collect();
        let answering = |of: &[usize]| of.iter().filter(|&&n| members[n].healthy).count();
        match what {
            Interruption::Pause => majority(answering(&without), voters.len()),
            Interruption::Restart => !members[target].healthy || majority(answering(&without), voters.len()),
            _ if without.is_empty() && !voters.is_empty() && voters[0] == target => false,
            Interruption::Remove => {
                majority(answering(&voters), voters.len()) && majority(answering(&without), without.len())
            }
            Interruption::RemoveDead => {
                !members[target].healthy && majority(answering(&without), voters.len())
            }
        }
    }

    #[test]
    fn every_cluster_of_up_to_seven_members_keeps_its_quorum() {
        let mut asked = 0;
        for count in 1..=7 {
            for members in clusters(count) {
                for target in 0..members.len() {
                    for what in ALL {
                        let answer = guard("prod", &members, &members[target].name, what);
                        let yes = expected(&members, target, what);
                        assert_eq!(answer.is_ok(), yes, "{what:?} of {target} in {members:?}: {answer:?}");
                        asked += 1;
                    }
                }
            }
        }
        assert_eq!(asked, ALL.len() * (1..=7).map(|n| n * 4usize.pow(n as u32)).sum::<usize>());
    }

    fn three(healthy: usize) -> Vec<EtcdMember> {
        (0..3).map(|n| member(n, (false, n < healthy))).collect()
    }

    #[test]
    fn a_refusal_is_a_sentence_with_numbers() {
        let refused =
            |members: &[EtcdMember], target, what| guard("prod", members, target, what).unwrap_err();
        assert_eq!(
            refused(&three(2), "node01", Interruption::Pause),
            "3 voters, 2 healthy: pausing node01 would leave 1, and 2 are needed"
        );
        assert_eq!(
            refused(&three(2), "node00", Interruption::Remove),
            "3 voters, 2 healthy: removing node00 would leave 1 healthy of 2, and 2 are needed"
        );
        assert_eq!(
            refused(&three(1), "node02", Interruption::RemoveDead),
            "3 voters, 1 healthy: etcd has no quorum (2 are needed) and can remove no member until one more is \
             well; where none comes back, restore a snapshot"
        );
        assert_eq!(
            refused(&three(3), "node02", Interruption::RemoveDead),
            "node02 still answers as a member of etcd, so it is not off"
        );
        assert_eq!(
            refused(&three(3)[..1], "node00", Interruption::Remove),
            "it is the last control plane of prod: `metalctl cluster reset prod` ends the cluster"
        );
        assert_eq!(
            refused(&three(3)[..1], "node00", Interruption::Pause),
            "1 voter, 1 healthy: pausing node00 would leave 0, and 1 is needed"
        );
    }

    #[test]
    fn who_is_no_member_may_go() {
        for what in ALL {
            assert_eq!(guard("prod", &three(1), "node07", what), Ok(()));
            assert_eq!(guard("prod", &[], "node07", what), Ok(()));
        }
    }
}
