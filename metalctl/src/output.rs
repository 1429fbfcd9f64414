//! The only place that prints. Data goes to stdout, talk to stderr; a hint is a paragraph of its own.

use std::io::{self, BufRead, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::render::paint::Paint;

/// What the three streams are connected to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Screen {
    /// Stdin, stdout and stderr: is it a terminal?
    pub input: bool,
    pub output: bool,
    pub talk: bool,
    /// Colour is wanted where there is a terminal.
    pub colour: bool,
}

impl Screen {
    /// Columns and lines of the terminal at stdout. Asked anew each time: windows are resized.
    pub fn size(&self) -> Option<(usize, usize)> {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok().filter(|_| self.output)?;
        (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col.into(), size.ws_row.into()))
    }
}

pub struct Io<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    input: &'a mut dyn BufRead,
    pub screen: Screen,
    pub json: bool,
}

impl<'a> Io<'a> {
    pub fn new(
        out: &'a mut dyn Write,
        err: &'a mut dyn Write,
        input: &'a mut dyn BufRead,
        screen: Screen,
    ) -> Io<'a> {
        Io { out, err, input, screen, json: false }
    }

    /// What was asked for. Ends in exactly one line break.
    pub fn data(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", text.trim_end_matches('\n'))?;
        self.out.flush()
    }

    /// A terminal's own bytes, as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        Ok(self.data(&serde_json::to_string_pretty(value)?)?)
    }

    /// Paints a whole screen over the one before, line by line, so that nothing flickers; what does not
    /// fit is counted in the last line.
    pub fn repaint(&mut self, text: &str) -> io::Result<()> {
        let room = self.screen.size().map_or(usize::MAX, |(_, lines)| lines.saturating_sub(2));
        write!(self.out, "\x1b[H")?;
        for line in text.lines().take(room) {
            writeln!(self.out, "{line}\x1b[K")?;
        }
        write!(self.out, "\x1b[J")?;
        let hidden = text.lines().count().saturating_sub(room);
        if hidden > 0 {
            write!(self.out, "… and {hidden} more")?;
        }
        self.out.flush()
    }

    /// Talk, beside the data; nothing where there is nothing to say.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        writeln!(self.err, "{}", text.trim_end_matches('\n'))
    }

    /// Asks a person and waits for a line.
    pub fn ask(&mut self, question: &str) -> io::Result<String> {
        write!(self.err, "{question}: ")?;
        self.err.flush()?;
        let mut line = String::new();
        self.input.read_line(&mut line)?;
        Ok(line.trim().to_string())
    }

    /// For what is piped in.
    pub fn input(&mut self) -> &mut dyn BufRead {
        self.input
    }

    /// Tells what went wrong, once, and with which code to leave.
    pub fn complain(&mut self, failure: &Failure) -> Exit {
        if failure.exit != Exit::Done {
            let paint = self.talk_paint();
            let hint = match &failure.hint {
                Some(hint) => format!("\n\n{} {hint}", paint.bold("hint:")),
                None => String::new(),
            };
            // Nobody is left to tell when stderr is closed.
            let _ = self.say(&format!("{} {}{hint}", paint.bad("error:"), failure.message));
        }
        failure.exit
    }

    pub fn paint(&self) -> Paint {
        Paint { colour: self.screen.colour && self.screen.output }
    }

    pub fn talk_paint(&self) -> Paint {
        Paint { colour: self.screen.colour && self.screen.talk }
    }

    /// A progress bar at the terminal; None where talk goes elsewhere and wants plain lines.
    pub fn bar(&self) -> Option<ProgressBar> {
        let style = ProgressStyle::with_template("{spinner} {msg}").ok()?;
        self.screen.talk.then(|| ProgressBar::new(0).with_style(style))
    }
}

/// Moves a bar on. Where nobody knows how much there is to do, it has words only.
pub fn show_progress(bar: &ProgressBar, done: u64, total: u64, words: String) {
    let template = if total > 0 { "{spinner} {bar:24} {msg}" } else { "{spinner} {msg}" };
    bar.set_message(words);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_length(total.max(1));
    bar.set_position(done);
    bar.tick();
}
