//! `metalctl machine console`: this terminal becomes a machine's.

mod escape;
mod terminal;

use api::client::Client;
use api::console::{Decoder, Frame, encode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use self::escape::{Escape, Typed};
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::reference::path_segment;

const HELP: &str = "\r\n~.  leave the console\r\n~B  send a break (for Linux the beginning of a magic SysRq)\r\n\
                    ~~  type a ~\r\n~?  this help\r\n";

pub async fn run(client: &Client, io: &mut Io<'_>, machine: &str, take: bool) -> Result<Exit, Failure> {
    let stream = client.console(&path_segment(machine)?, take).await?;
    io.say(&format!("The console of {machine}; ~. at the beginning of a line leaves it, ~? helps"))?;
    let ended = {
        // What is typed is the machine's from here on, Ctrl-C too; given back when this is dropped.
        let _raw = io.screen.input.then(terminal::Raw::begin).transpose()?;
        carry(stream, terminal::typed()?, io).await
    };
    io.say("")?;
    match ended? {
        None => {
            io.say(&format!("\nLeft the console of {machine}"))?;
            Ok(Exit::Done)
        }
        Some(why) => Err(Failure::new(
            Exit::Refused,
            format!("the console of {machine} has ended: {why}"),
            format!("`metalctl machine console {machine}` opens it anew"),
        )),
    }
}

/// None where the person left; else why it has ended.
async fn carry(
    stream: impl AsyncRead + AsyncWrite,
    mut typed: mpsc::Receiver<Vec<u8>>,
    io: &mut Io<'_>,
) -> Result<Option<String>, Failure> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (mut decoder, mut escape, mut buffer) = (Decoder::default(), Escape::default(), vec![0; 1 << 16]);
    let mut listens = true;
    loop {
        tokio::select! {
            read = reader.read(&mut buffer) => match read {
                Ok(0) => return Ok(Some("the server closed it".into())),
                Ok(length) => {
                    decoder.push(&buffer[..length]);
                    if let Some(why) = show(&mut decoder, io)? {
                        return Ok(Some(why));
                    }
                }
                Err(error) => return Ok(Some(format!("the connection is gone: {error}"))),
            },
            keys = typed.recv(), if listens => {
                // What is piped in has an end; what the machine says goes on.
                let Some(keys) = keys else { listens = false; continue };
                let typed = if io.screen.input { escape.push(&keys) } else { vec![Typed::Bytes(keys)] };
                for typed in typed {
                    let frame = match typed {
                        Typed::Bytes(bytes) => Frame::Bytes(bytes),
                        Typed::Break => Frame::Break,
                        Typed::Help => {
                            io.bytes(HELP.as_bytes())?;
                            continue;
                        }
                        Typed::Leave => {
                            let _ = writer.write_all(&encode(&Frame::End(String::new()))).await;
                            let _ = writer.shutdown().await;
                            return Ok(None);
                        }
                    };
                    if let Err(error) = writer.write_all(&encode(&frame)).await {
                        return Ok(Some(format!("the connection is gone: {error}")));
                    }
                }
            }
        }
    }
}

/// Why nothing follows, where that came.
fn show(decoder: &mut Decoder, io: &mut Io<'_>) -> Result<Option<String>, Failure> {
    loop {
        match decoder.pop() {
            Ok(None) => return Ok(None),
            Ok(Some(Frame::Bytes(bytes))) => io.bytes(&bytes)?,
            Ok(Some(Frame::Break)) => {}
            Ok(Some(Frame::End(why))) => return Ok(Some(why)),
            Err(error) => return Ok(Some(format!("the server sent {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};

    use super::*;
    use crate::output::Screen;

    /// What a person typed, over what a server says first.
    async fn session(
        person: &[&[u8]],
        server: &[Frame],
        terminal: bool,
    ) -> (Option<String>, String, Vec<Frame>) {
        let (ours, mut theirs) = duplex(1 << 16);
        for frame in server {
            theirs.write_all(&encode(frame)).await.unwrap();
        }
        let (keys, typed) = mpsc::channel(16);
        for part in person {
            keys.send(part.to_vec()).await.unwrap();
        }
        let (mut out, mut err, mut input) = (Vec::new(), Vec::new(), std::io::empty());
        let screen = Screen { input: terminal, ..Screen::default() };
        let mut io = Io::new(&mut out, &mut err, &mut input, screen);
        let ended = carry(ours, typed, &mut io).await.unwrap();
        (ended, String::from_utf8(out).unwrap(), sent(theirs).await)
    }

    async fn sent(mut theirs: DuplexStream) -> Vec<Frame> {
        let (mut bytes, mut decoder, mut frames) = (Vec::new(), Decoder::default(), Vec::new());
        theirs.read_to_end(&mut bytes).await.unwrap();
        decoder.push(&bytes);
        while let Some(frame) = decoder.pop().unwrap() {
            frames.push(frame);
        }
        frames
    }

    fn bytes(text: &str) -> Frame {
        Frame::Bytes(text.into())
    }

    #[tokio::test]
    async fn what_is_typed_goes_there_until_the_person_leaves() {
        let (ended, _, sent) = session(&[b"root\r", b"~B~?", b"\x03", b"\r~", b"."], &[], true).await;
        assert_eq!(ended, None);
        let expected =
            [bytes("root\r"), Frame::Break, bytes("\u{3}"), bytes("\r"), Frame::End(String::new())];
        assert_eq!(sent, expected);
    }

    #[tokio::test]
    async fn what_the_machine_says_is_shown_and_its_end_explained() {
        let said = [bytes("login: "), bytes(""), bytes("\u{1b}[1m"), Frame::End("another took it".into())];
        let (ended, out, _) = session(&[], &said, true).await;
        assert_eq!((ended.as_deref(), out.as_str()), (Some("another took it"), "login: \u{1b}[1m"));
    }

    #[tokio::test]
    async fn without_a_terminal_nothing_is_an_escape() {
        let said = [Frame::End("over".into())];
        let (ended, _, sent) = session(&[b"~.\n"], &said, false).await;
        assert_eq!(ended.as_deref(), Some("over"));
        assert!(sent.is_empty() || sent == [bytes("~.\n")], "{sent:?}");
    }
}
