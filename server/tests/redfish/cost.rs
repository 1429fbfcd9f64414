//! What a minute of a thousand BMCs costs over HTTPS: a reading by one that was never asked, and by one whose session and
//! connection are still there. A poll is between the two: the session is, the connection is not.

use std::sync::mpsc;
use std::time::Duration;

use api::bmc::Power;
use rustix::time::{ClockId, clock_gettime};
use server::bmc::Driver;

use crate::tls::{Served, driver};

const FRESH: u32 = 50;
const AGAIN: u32 = 200;
const BMCS: u32 = 1000;

/// What this thread has spent; all of the client runs in it.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// In a thread of its own, whose time is not ours.
fn bmc() -> std::net::SocketAddr {
    let (told, address) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let served = Served::new(&rustls::version::TLS13).await;
            told.send(served.address).unwrap();
            std::future::pending::<()>().await;
        });
    });
    address.recv().unwrap()
}

#[tokio::test]
async fn a_thousand_bmcs_are_read_for_little() {
    let address = bmc();
    let before = cpu();
    let mut last = driver(address, None);
    for _ in 0..FRESH {
        last = driver(address, None);
        assert_eq!(last.power().await, Ok(Power::On));
    }
    let fresh = (cpu() - before) / FRESH;
    let before = cpu();
    for _ in 0..AGAIN {
        assert_eq!(last.power().await, Ok(Power::On));
    }
    let again = (cpu() - before) / AGAIN;
    println!(
        "{BMCS} readings over Redfish: {:?} of CPU where all are new, {:?} where all are known",
        fresh * BMCS,
        again * BMCS
    );
    assert!(fresh < Duration::from_millis(60), "{fresh:?} for one that is new");
    assert!(again < Duration::from_millis(10), "{again:?} for one that is known");
}
