//! Machines in simulated time: each obeys in its own way.

use super::*;

/// A machine and whoever moves it, second by second.
struct Rack {
    aim: Aim,
    power: Power,
    /// What the BMC does with an action: the power, and after how many seconds.
    obeys: fn(PowerAction) -> Option<(Power, i64)>,
    /// Seconds from power to the first packet; None where none comes.
    boots: Option<i64>,
    due: Option<(i64, Power)>,
    powered_at: i64,
    seen: Seen,
    doing: Doing,
    now: i64,
    /// (second, move)
    moves: Vec<(i64, Move)>,
}

fn obedient(action: PowerAction) -> Option<(Power, i64)> {
    Some((leads_to(action), 3))
}

impl Rack {
    fn new(power: want::Power, real: Power, boots: Option<i64>) -> Rack {
        let patience = Duration::from_secs(300);
        Rack {
            aim: Aim { power, awaited: true, overdue: false },
            power: real,
            obeys: obedient,
            boots,
            due: None,
            powered_at: 0,
            seen: Seen { power: real, read_at: Some(1), off_since: None, on_wire_at: None, patience },
            doing: Doing::default(),
            now: 0,
            moves: Vec::new(),
        }
    }

    fn run(&mut self, seconds: i64) -> &[(i64, Move)] {
        for _ in 0..seconds {
            self.now += SECOND;
            self.tick();
        }
        &self.moves
    }

    fn tick(&mut self) {
        if let Some((at, power)) = self.due.filter(|(at, _)| self.now >= *at) {
            (self.due, self.power, self.powered_at) = (None, power, at);
        }
        let speaks_at = self.boots.map(|boots| self.powered_at + boots * SECOND);
        if self.power == Power::On && self.powered_at > 0 && speaks_at.is_some_and(|at| self.now >= at) {
            self.seen.on_wire_at = Some(self.now);
        }
        // The poll.
        if self.now % (60 * SECOND) == 0 {
            self.read();
        }
        let (doing, next) = step(self.aim, self.seen, self.doing, self.now);
        self.doing = doing;
        if next != Move::Rest && next != Move::Read {
            self.moves.push((self.now / SECOND, next));
        }
        match next {
            Move::Read => self.read(),
            Move::Act(action) => {
                self.doing = begun(self.doing, action, self.now);
                self.due = (self.obeys)(action).map(|(power, after)| (self.now + after * SECOND, power));
            }
            Move::Rest | Move::Came(_) => {}
        }
    }

    fn read(&mut self) {
        let readable = self.seen.power != Power::Unknown;
        self.seen.power = if readable { self.power } else { Power::Unknown };
        self.seen.read_at = Some(self.now);
    }

    fn actions(&self) -> Vec<(i64, PowerAction)> {
        let action = |(at, made): &(i64, Move)| match made {
            Move::Act(action) => Some((*at, *action)),
            _ => None,
        };
        self.moves.iter().filter_map(action).collect()
    }
}

#[test]
fn a_machine_that_is_off_is_switched_on_once_and_its_time_is_learned() {
    let mut rack = Rack::new(want::Power::On, Power::Off, Some(100));
    rack.run(1000);
    assert_eq!(rack.actions(), [(1, PowerAction::On)]);
    let Some((_, Move::Came(took))) = rack.moves.get(1) else { panic!("{:?}", rack.moves) };
    assert_eq!(took.as_secs(), 103);
    assert_eq!(rack.doing, Doing::default());
}

#[test]
fn nothing_is_done_on_an_old_reading() {
    let (aim, seen) = (
        Aim { power: want::Power::On, awaited: true, overdue: false },
        Seen {
            power: Power::Off,
            read_at: Some(0),
            off_since: None,
            on_wire_at: None,
            patience: Duration::from_secs(300),
        },
    );
    assert_eq!(step(aim, seen, Doing::default(), 89 * SECOND).1, Move::Act(PowerAction::On));
    assert_eq!(step(aim, seen, Doing::default(), 90 * SECOND).1, Move::Read);
    assert_eq!(step(aim, Seen { read_at: None, ..seen }, Doing::default(), 0).1, Move::Read);
}

#[test]
fn one_that_never_speaks_is_cycled_once_then_explained() {
    let mut rack = Rack::new(want::Power::On, Power::Off, None);
    rack.run(7200);
    assert_eq!(rack.actions(), [(1, PowerAction::On), (301, PowerAction::Cycle)]);
    assert_eq!(rack.doing.trouble, Trouble::NotOnTheWire);
    // Somebody has plugged the cable in.
    rack.seen.on_wire_at = Some(rack.now);
    rack.run(1);
    assert_eq!(rack.doing, Doing::default());
}

#[test]
fn a_cycle_helps_where_the_firmware_hung() {
    let mut rack = Rack::new(want::Power::On, Power::Off, None);
    rack.run(310);
    rack.boots = Some(60);
    rack.run(600);
    assert_eq!(rack.actions(), [(1, PowerAction::On), (301, PowerAction::Cycle)]);
    assert_eq!((rack.doing, rack.moves.len()), (Doing::default(), 3));
}

#[test]
fn a_bmc_that_lies_is_asked_twice_then_now_and_then() {
    let mut rack = Rack::new(want::Power::On, Power::Off, Some(100));
    rack.obeys = |_| None;
    rack.run(300);
    assert_eq!(rack.actions(), [(1, PowerAction::On), (61, PowerAction::On)]);
    assert_eq!(rack.doing.trouble, Trouble::NotObeyed);
    rack.run(800);
    assert_eq!(rack.actions()[2..], [(961, PowerAction::On)]);
    assert_eq!(rack.doing.trouble, Trouble::NotObeyed, "it is no less true while it is tried again");
    rack.obeys = obedient;
    rack.run(2000);
    assert_eq!(rack.doing, Doing::default(), "{:?}", rack.moves);
}

#[test]
fn an_os_is_asked_first_and_cut_off_when_it_does_not_end() {
    let mut rack = Rack::new(want::Power::Off, Power::On, None);
    rack.run(600);
    assert_eq!(rack.actions(), [(1, PowerAction::Shutdown)]);
    assert_eq!(rack.doing, Doing::default());
    let mut deaf = Rack::new(want::Power::Off, Power::On, None);
    deaf.obeys = |action| (action == PowerAction::Off).then_some((Power::Off, 3));
    deaf.run(600);
    assert_eq!(deaf.actions(), [(1, PowerAction::Shutdown), (301, PowerAction::Off)]);
    assert_eq!((deaf.power, deaf.doing), (Power::Off, Doing::default()));
}

#[test]
fn a_changed_mind_is_followed_at_once() {
    let mut rack = Rack::new(want::Power::On, Power::Off, Some(100));
    rack.run(30);
    rack.aim.power = want::Power::Off;
    rack.run(600);
    let actions: Vec<PowerAction> = rack.actions().iter().map(|(_, action)| *action).collect();
    assert_eq!(actions, [PowerAction::On, PowerAction::Shutdown]);
    assert_eq!(rack.power, Power::Off);
}

#[test]
fn what_is_held_is_left_alone_and_forgotten() {
    let mut rack = Rack::new(want::Power::On, Power::Off, None);
    rack.run(10);
    rack.aim.power = want::Power::AsItIs;
    rack.run(3600);
    assert_eq!((rack.actions().len(), rack.doing), (1, Doing::default()));
}

#[test]
fn where_nothing_is_awaited_on_means_done() {
    let mut rack = Rack::new(want::Power::On, Power::Off, None);
    rack.aim.awaited = false;
    rack.run(3600);
    assert_eq!((rack.actions().len(), rack.doing), (1, Doing::default()));
}

#[test]
fn a_machine_that_nothing_can_read_is_woken_then_asked_of_a_hand() {
    let mut rack = Rack::new(want::Power::On, Power::Unknown, None);
    rack.run(350);
    assert_eq!(rack.actions(), [(1, PowerAction::On)]);
    rack.run(100);
    assert_eq!(rack.doing.trouble, Trouble::NeedsAHand);
    rack.seen.on_wire_at = Some(rack.now);
    rack.run(1);
    assert_eq!(rack.doing, Doing::default());
    // It speaks: nobody wakes it.
    rack.run(100);
    assert_eq!(rack.actions().len(), 1);
}

/// Its agent goes down, and between its goodbye and its silence nobody knows.
#[test]
fn an_agent_that_goes_is_waited_for_and_not_asked_twice() {
    for action in [PowerAction::Off, PowerAction::Shutdown] {
        let aim = Aim { power: want::Power::Off, awaited: false, overdue: false };
        let mut doing = begun(Doing::default(), action, 100 * SECOND);
        for second in 101..=400 {
            let power = if second < 290 { Power::Unknown } else { Power::Off };
            let (read_at, on_wire_at) = (Some(second * SECOND), Some(100 * SECOND));
            let seen =
                Seen { power, read_at, off_since: None, on_wire_at, patience: Duration::from_secs(600) };
            let (next, made) = step(aim, seen, doing, second * SECOND);
            assert!(matches!(made, Move::Rest | Move::Read), "{action} after {second} s: {made:?}");
            doing = next;
        }
        assert_eq!(doing, Doing::default(), "{action}");
    }
}

#[test]
fn the_last_word_before_a_cycle_is_no_sign_of_the_boot_after() {
    let aim = Aim { power: want::Power::On, awaited: true, overdue: false };
    let patience = Duration::from_secs(300);
    let doing = begun(Doing::default(), PowerAction::Cycle, 100 * SECOND);
    let seen = |second: i64, heard: i64| Seen {
        power: Power::On,
        read_at: Some(second * SECOND),
        off_since: None,
        on_wire_at: Some(heard * SECOND),
        patience,
    };
    let (doing, next) = step(aim, seen(115, 101), doing, 115 * SECOND);
    assert_eq!((doing.on_at, next), (Some(100 * SECOND), Move::Rest));
    let (doing, next) = step(aim, seen(160, 155), doing, 160 * SECOND);
    assert_eq!((doing, next), (Doing::default(), Move::Came(Duration::from_secs(55))));
}

/// Its BMC fell silent right after it was told, and the machine came up all the same.
#[test]
fn nothing_is_repeated_on_a_reading_from_before_it() {
    let aim = Aim { power: want::Power::On, awaited: true, overdue: false };
    let doing = begun(Doing::default(), PowerAction::Cycle, 100 * SECOND);
    let seen = |read: i64, heard: i64| Seen {
        power: Power::On,
        read_at: Some(read * SECOND),
        off_since: None,
        on_wire_at: Some(heard * SECOND),
        patience: Duration::from_secs(300),
    };
    for second in [190, 1000, 9000] {
        assert_eq!(step(aim, seen(99, 101), doing, second * SECOND), (doing, Move::Read), "after {second} s");
    }
    let came = (Doing::default(), Move::Came(Duration::from_secs(300)));
    assert_eq!(step(aim, seen(99, 400), doing, 9000 * SECOND), came, "nobody waits for its BMC");
    // It answers again: the machine is on, and was cycled once.
    let (awaited, next) = step(aim, seen(9000, 101), doing, 9001 * SECOND);
    assert_eq!((awaited.trouble, next), (Trouble::NotOnTheWire, Move::Rest));
}

/// Its OS went, and its firmware did not come further than an address.
#[test]
fn one_that_hangs_on_its_way_back_to_ram_is_cycled_once() {
    for (overdue, cycles) in [(false, vec![]), (true, vec![(181, PowerAction::Cycle)])] {
        let mut rack = Rack::new(want::Power::On, Power::On, None);
        rack.aim.overdue = overdue;
        rack.seen.on_wire_at = Some(SECOND);
        rack.run(7200);
        assert_eq!(rack.actions(), cycles, "{overdue}");
        assert_eq!(rack.doing.trouble, if overdue { Trouble::NotOnTheWire } else { Trouble::None });
    }
    let mut rack = Rack::new(want::Power::On, Power::On, Some(60));
    rack.aim.overdue = true;
    rack.seen.on_wire_at = Some(SECOND);
    rack.run(250);
    rack.aim.overdue = false;
    rack.run(7200);
    assert_eq!(rack.actions(), [(181, PowerAction::Cycle)]);
    assert_eq!(rack.doing, Doing::default(), "it came");
}

/// Whatever a BMC does and whenever it does it, nothing is asked more often than a person would.
#[test]
fn no_machine_is_switched_to_and_fro() {
    type Way = fn(PowerAction) -> Option<(Power, i64)>;
    let ways: [Way; 4] = [
        obedient,
        |_| None,
        |action| (action != PowerAction::On).then_some((Power::Off, 1)),
        |action| Some((leads_to(action), 75)),
    ];
    for obeys in ways {
        for boots in [None, Some(20), Some(400)] {
            for real in Power::ALL {
                let mut rack = Rack::new(want::Power::On, real, boots);
                rack.obeys = obeys;
                rack.run(3600);
                let (actions, cycles) = (
                    rack.actions().len(),
                    rack.actions().iter().filter(|(_, action)| *action == PowerAction::Cycle).count(),
                );
                assert!(cycles <= 2 && actions <= 10, "{real} {boots:?}: {:?}", rack.moves);
            }
        }
    }
}

/// Cables or a table were swapped, or a BMC lies: what speaks is not off, and nothing is switched on such a word.
#[test]
fn a_bmc_that_reads_off_while_its_machine_speaks_is_believed_no_more() {
    let seen = |off_since, read_at, heard: i64| Seen {
        power: Power::Off,
        read_at: Some(read_at * SECOND),
        off_since: Some(off_since * SECOND),
        on_wire_at: Some(heard * SECOND),
        patience: Duration::from_secs(300),
    };
    for power in [want::Power::On, want::Power::Off, want::Power::AsItIs] {
        let aim = Aim { power, awaited: true, overdue: false };
        let judged = |seen, now: i64| step(aim, seen, Doing::default(), now * SECOND);
        let trouble = |seen, now| judged(seen, now).0.trouble;
        assert_eq!(judged(seen(100, 130, 120), 131).1, Move::Rest, "{power:?}");
        assert_eq!(trouble(seen(100, 130, 120), 131), Trouble::Contradicted, "{power:?}");
        // Its last word, under way when it went off.
        assert_eq!(trouble(seen(100, 130, 104), 131), Trouble::None, "{power:?}");
        // It was switched on since: the next reading shows it.
        assert_eq!(trouble(seen(100, 130, 135), 136), Trouble::None, "{power:?}");
        // It went off since.
        assert_eq!(trouble(seen(100, 310, 120), 311), Trouble::None, "{power:?}");
    }
}

#[test]
fn a_node_is_given_up_on_no_word_of_a_bmc_that_may_be_wrong() {
    let patience = Duration::from_secs(300);
    let seen = Seen {
        power: Power::Off,
        read_at: Some(1000 * SECOND),
        off_since: Some(900 * SECOND),
        on_wire_at: Some(880 * SECOND),
        patience,
    };
    let idle = Doing::default();
    let word = |seen| believed(DriverKind::Redfish, seen, idle);
    assert_eq!(word(seen), Some(Power::Off));
    assert_eq!(word(Seen { on_wire_at: None, ..seen }), Some(Power::Off));
    assert_eq!(word(Seen { power: Power::Unknown, ..seen }), None);
    assert_eq!(believed(DriverKind::WakeOnLan, seen, idle), None, "a goodbye is no proof");
    // However long ago that was: it may be another machine's BMC, and this one has lost its network.
    let spoke = Seen { read_at: Some(9000 * SECOND), on_wire_at: Some(910 * SECOND), ..seen };
    assert_eq!(word(spoke), None);
    assert!(!contradicts_itself(spoke, 9000 * SECOND));
    assert_eq!(word(Seen { power: Power::On, ..spoke }), Some(Power::On));
    for (action, worth) in [
        (PowerAction::On, None),
        (PowerAction::Cycle, None),
        (PowerAction::Off, Some(Power::Off)),
        (PowerAction::Shutdown, Some(Power::Off)),
    ] {
        let doing = Doing { action: Some(action), ..idle };
        assert_eq!(believed(DriverKind::Ipmi, seen, doing), worth, "{action}");
    }
    let still = |now| believed_still(DriverKind::Command, seen, idle, now);
    assert_eq!(still(1089 * SECOND), Some(Power::Off));
    assert_eq!(still(1091 * SECOND), None);
}
