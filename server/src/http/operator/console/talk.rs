//! Carries a console between its machine and its operator.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use api::console::{Decoder, Frame, encode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, sleep, timeout};

use crate::bmc::console::hidden::Hidden;
use crate::bmc::console::{Console, Input};

/// How long things may take; tests are in a hurry.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// A word of which nothing more came for so long has ended.
    pub quiet: Duration,
    /// A person whose network is gone is noticed by what cannot be delivered.
    pub sign_of_life: Duration,
    /// Whoever takes nothing for so long has left.
    pub delivery: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            quiet: Duration::from_millis(60),
            sign_of_life: Duration::from_secs(30),
            delivery: Duration::from_secs(60),
        }
    }
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub why: String,
    /// Bytes from the machine, and to it.
    pub said: u64,
    pub typed: u64,
}

/// Who has enough of it.
enum Stop {
    Person(String),
    Server(&'static str),
}

/// Until the operator leaves, the console ends, or `ends` says why it has to.
pub async fn talk(
    stream: impl AsyncRead + AsyncWrite,
    console: &mut Console,
    ends: impl Future<Output = &'static str>,
    pace: Pace,
) -> Ended {
    let (reader, writer) = tokio::io::split(stream);
    let mut person = Person { writer, delivery: pace.delivery };
    let Console { output, input } = console;
    let (typed, mut said, mut hidden) = (AtomicU64::new(0), 0, Hidden::default());
    let mut stop = pin!(async {
        tokio::select! {
            why = types(reader, input, &typed) => Stop::Person(why),
            why = ends => Stop::Server(why),
        }
    });
    let mut alive = interval_at(Instant::now() + pace.sign_of_life, pace.sign_of_life);
    let why = loop {
        // What is written is no part of the choice: half a frame would be none.
        let shown = tokio::select! {
            heard = output.recv() => match heard {
                Some(Ok(bytes)) => {
                    said += bytes.len() as u64;
                    hidden.push(&bytes)
                }
                Some(Err(fault)) => break person.last(&mut hidden, fault.to_string()).await,
                None => break person.last(&mut hidden, "the console has ended".into()).await,
            },
            () = sleep(pace.quiet), if hidden.is_holding() => hidden.flush(),
            _ = alive.tick() => {
                if let Err(why) = person.tell(&Frame::Bytes(Vec::new())).await {
                    break why;
                }
                continue;
            }
            stop = &mut stop => match stop {
                Stop::Person(why) => break why,
                Stop::Server(why) => break person.last(&mut hidden, why.into()).await,
            },
        };
        if !shown.is_empty()
            && let Err(why) = person.tell(&Frame::Bytes(shown)).await
        {
            break why;
        }
    };
    let _ = timeout(pace.delivery, person.writer.shutdown()).await;
    Ended { why, said, typed: typed.load(Relaxed) }
}

struct Person<W> {
    writer: W,
    delivery: Duration,
}

impl<W: AsyncWrite + Unpin> Person<W> {
    /// What was held back, and why nothing follows.
    async fn last(&mut self, hidden: &mut Hidden, why: String) -> String {
        let held = hidden.flush();
        if !held.is_empty() {
            let _ = self.tell(&Frame::Bytes(held)).await;
        }
        let _ = self.tell(&Frame::End(why.clone())).await;
        why
    }

    async fn tell(&mut self, frame: &Frame) -> Result<(), String> {
        let bytes = encode(frame);
        let writing = async {
            self.writer.write_all(&bytes).await?;
            self.writer.flush().await
        };
        match timeout(self.delivery, writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("its operator is gone: {error}")),
            Err(_) => Err("its operator takes nothing any more".into()),
        }
    }
}

/// Ends with the reason why nothing more is typed.
async fn types(mut reader: impl AsyncRead + Unpin, input: &mpsc::Sender<Input>, typed: &AtomicU64) -> String {
    let (mut decoder, mut buffer) = (Decoder::default(), [0; 4096]);
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) => return "its operator left".into(),
            Ok(length) => decoder.push(&buffer[..length]),
            Err(error) => return format!("its operator is gone: {error}"),
        }
        loop {
            let frame = match decoder.pop() {
                Ok(None) => break,
                Ok(Some(frame)) => frame,
                Err(error) => return error.to_string(),
            };
            let sent = match frame {
                Frame::Bytes(bytes) => {
                    typed.fetch_add(bytes.len() as u64, Relaxed);
                    input.send(Input::Bytes(bytes.into())).await
                }
                Frame::Break => input.send(Input::Break).await,
                Frame::End(_) => return "its operator left".into(),
            };
            if sent.is_err() {
                // The console itself says why.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use api::bmc::Fault;
    use bytes::Bytes;
    use tokio::io::{DuplexStream, duplex};
    use tokio::sync::oneshot;

    use super::*;

    struct Bench {
        person: DuplexStream,
        decoder: Decoder,
        machine: Option<mpsc::Sender<Result<Bytes, Fault>>>,
        typed: mpsc::Receiver<Input>,
        end: Option<oneshot::Sender<&'static str>>,
        ended: tokio::task::JoinHandle<Ended>,
    }

    impl Bench {
        fn new() -> Bench {
            Bench::with(Pace::default())
        }

        fn with(pace: Pace) -> Bench {
            let (person, inside) = duplex(1 << 16);
            let ((machine, output), (input, typed)) = (mpsc::channel(8), mpsc::channel(8));
            let (end, ends) = oneshot::channel();
            let ended = tokio::spawn(async move {
                let ends = async {
                    match ends.await {
                        Ok(why) => why,
                        Err(_) => std::future::pending().await,
                    }
                };
                talk(inside, &mut Console { output, input }, ends, pace).await
            });
            let (machine, end) = (Some(machine), Some(end));
            Bench { person, decoder: Decoder::default(), machine, typed, end, ended }
        }

        async fn says(&self, text: &'static str) {
            self.machine.as_ref().unwrap().send(Ok(Bytes::from(text))).await.unwrap();
        }

        async fn hears(&mut self) -> Frame {
            let mut buffer = [0; 100];
            loop {
                if let Some(frame) = self.decoder.pop().unwrap() {
                    return frame;
                }
                let length = self.person.read(&mut buffer).await.unwrap();
                assert!(length > 0, "it ended");
                self.decoder.push(&buffer[..length]);
            }
        }

        async fn types(&mut self, frame: Frame) {
            self.person.write_all(&encode(&frame)).await.unwrap();
        }
    }

    fn bytes(text: &str) -> Frame {
        Frame::Bytes(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn what_is_said_and_typed_goes_through_and_is_counted() {
        let mut bench = Bench::new();
        bench.says("login: ").await;
        assert_eq!(bench.hears().await, bytes("login: "));
        bench.types(bytes("root\r")).await;
        bench.types(Frame::Break).await;
        assert_eq!(bench.typed.recv().await, Some(Input::Bytes("root\r".into())));
        assert_eq!(bench.typed.recv().await, Some(Input::Break));
        drop(bench.person);
        let ended = bench.ended.await.unwrap();
        assert_eq!(ended, Ended { why: "its operator left".into(), said: 7, typed: 5 });
    }

    #[tokio::test]
    async fn a_word_is_held_until_it_has_ended_and_a_secret_is_hidden() {
        let mut bench = Bench::with(Pace { quiet: Duration::from_secs(2), ..Pace::default() });
        bench.says("--token abcdef.0123").await;
        assert_eq!(bench.hears().await, bytes("--token "));
        bench.says("456789abcdef\r\n$").await;
        assert_eq!(bench.hears().await, bytes("(masked)\r\n"));
        assert_eq!(bench.hears().await, bytes("$"), "a prompt without a blank comes a moment later");
    }

    #[tokio::test]
    async fn whoever_ends_it_says_why() {
        let mut bench = Bench::new();
        bench.says("half").await;
        let machine = bench.machine.take().unwrap();
        machine.send(Err(Fault::Hung("no answer".into()))).await.unwrap();
        assert_eq!(bench.hears().await, bytes("half"));
        assert_eq!(bench.hears().await, Frame::End("hung: no answer".into()));

        let mut bench = Bench::new();
        bench.end.take().unwrap().send("somebody else took it").unwrap();
        assert_eq!(bench.hears().await, Frame::End("somebody else took it".into()));

        let mut bench = Bench::new();
        bench.types(Frame::End(String::new())).await;
        assert_eq!(bench.ended.await.unwrap().why, "its operator left");

        let mut bench = Bench::new();
        bench.person.write_all(b"GET / HTTP/1.1").await.unwrap();
        assert_eq!(bench.ended.await.unwrap().why, "a frame of the unknown kind 71");
    }

    #[tokio::test]
    async fn a_quiet_console_shows_that_it_is_alive_and_one_that_takes_nothing_is_given_up() {
        let (sign_of_life, delivery) = (Duration::from_millis(20), Duration::from_millis(200));
        let mut bench = Bench::with(Pace { sign_of_life, delivery, ..Pace::default() });
        assert_eq!(bench.hears().await, bytes(""));
        let line: &'static str = "x".repeat(1 << 15).leak();
        for _ in 0..4 {
            let _ = bench.machine.as_ref().unwrap().send(Ok(Bytes::from_static(line.as_bytes()))).await;
        }
        assert_eq!(bench.ended.await.unwrap().why, "its operator takes nothing any more");
    }
}
