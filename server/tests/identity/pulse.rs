//! The sign of life comes from the loop that works, after the work.

use std::time::Duration;

use api::event::Event;
use api::state::Home;
use server::lifecycle::drive::drive;
use server::pulse::Pulse;
use tokio::sync::mpsc;

use crate::bench::Bench;

#[tokio::test]
async fn a_pass_that_was_done_is_a_sign_of_life() {
    let bench = Bench::new().await;
    // It came up in 1970: the next look at it ends its patience.
    let hello = Event::Hello { home: Home::Ram, boot_id: "b1".into(), generation: 0 };
    bench.app.store.submit(&bench.id, hello, "agent", 2).await.unwrap();
    assert_eq!(bench.state().await, "inspecting");
    let (tell, mut told) = mpsc::unbounded_channel();
    let pulse = Pulse::new(Duration::ZERO, move || _ = tell.send(()));
    let driving = tokio::spawn(drive(bench.app.clone(), pulse.into()));
    told.recv().await.unwrap();
    assert_eq!(bench.state().await, "failed", "a sign came before the work");
    driving.abort();
}
