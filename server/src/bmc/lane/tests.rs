//! What becomes of a driver, and of its session, after a request that failed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use api::bmc::{BootOnce, FirmwareMode, LogEntry, PowerAction, Sensor};

use super::*;

#[derive(Default)]
struct Bmc {
    opened: AtomicUsize,
    closed: AtomicUsize,
    /// What its next readings come to; None is no answer.
    answers: Mutex<VecDeque<Option<Result<Power, Fault>>>>,
}

struct Stub(Arc<Bmc>);

impl Driver for Stub {
    async fn power(&self) -> Result<Power, Fault> {
        let answer = self.0.answers.lock().unwrap().pop_front().unwrap();
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    async fn act(&self, _: PowerAction) -> Result<(), Fault> {
        Ok(())
    }

    async fn boot_once(&self, _: BootOnce, _: FirmwareMode) -> Result<(), Fault> {
        Ok(())
    }

    async fn clear_boot(&self) -> Result<(), Fault> {
        Ok(())
    }

    async fn identify(&self, _: bool) -> Result<(), Fault> {
        Ok(())
    }

    async fn sensors(&self) -> Result<Vec<Sensor>, Fault> {
        Ok(Vec::new())
    }

    async fn log(&self) -> Result<Vec<LogEntry>, Fault> {
        Ok(Vec::new())
    }

    async fn reset_bmc(&self) -> Result<(), Fault> {
        Ok(())
    }

    async fn close(&self) -> Result<(), Fault> {
        self.0.closed.fetch_add(1, Relaxed);
        Ok(())
    }
}

/// How often a driver was opened and closed for a reading that fails, and one after it that is answered.
async fn opened_and_closed(first: Option<Fault>) -> (usize, usize) {
    let bmc = Arc::new(Bmc::default());
    bmc.answers.lock().unwrap().extend([first.map(Err), Some(Ok(Power::On))]);
    let mut turn = None;
    for (patience, is_answered) in [(100, false), (60_000, true)] {
        let open = async {
            bmc.opened.fetch_add(1, Relaxed);
            Ok(Stub(bmc.clone()))
        };
        let (answer, _) = attempt(&mut turn, Request::Power, open, Duration::from_millis(patience)).await;
        assert_eq!(answer.is_ok(), is_answered, "{answer:?}");
    }
    (bmc.opened.load(Relaxed), bmc.closed.load(Relaxed))
}

#[tokio::test]
async fn one_that_is_interrupted_goes_on_where_it_was() {
    assert_eq!(opened_and_closed(None).await, (1, 0));
}

#[tokio::test]
async fn a_session_is_ended_where_somebody_answers() {
    let after = |fault: fn(String) -> Fault| opened_and_closed(Some(fault("it failed".into())));
    assert_eq!(after(Fault::Busy).await, (2, 1));
    assert_eq!(after(Fault::Garbled).await, (2, 1));
    assert_eq!(after(Fault::Unreachable).await, (2, 0));
    assert_eq!(after(Fault::NotObeyed).await, (1, 0));
}
