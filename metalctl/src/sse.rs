//! Server-sent events (the WHATWG HTML standard, section 9.2) out of chunks that break anywhere.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub event: String,
    pub data: String,
}

/// Collects chunks; answers the messages that are complete.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
    message: Message,
}

impl Decoder {
    pub fn feed(&mut self, chunk: &[u8]) -> Vec<Message> {
        self.pending.extend_from_slice(chunk);
        let mut complete = Vec::new();
        while let Some(end) = self.pending.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            complete.extend(self.line(line.trim_end_matches(['\r', '\n'])));
        }
        complete
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.message.event = value.into(),
            "data" if self.message.data.is_empty() => self.message.data = value.into(),
            "data" => self.message.data = format!("{}\n{value}", self.message.data),
            "" if line.is_empty() && self.message != Message::default() => {
                return Some(std::mem::take(&mut self.message));
            }
            // A line that begins with a colon is a comment: it keeps the connection alive.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_may_break_anywhere() {
        let stream = ": keep-alive\n\nevent: machine\r\ndata: {\"a\":\ndata: 1}\n\nevent: resync\ndata:\n\n";
        let whole = Decoder::default().feed(stream.as_bytes());
        assert_eq!(whole.len(), 2);
        assert_eq!((whole[0].event.as_str(), whole[0].data.as_str()), ("machine", "{\"a\":\n1}"));
        assert_eq!((whole[1].event.as_str(), whole[1].data.as_str()), ("resync", ""));
        let mut decoder = Decoder::default();
        let bytewise: Vec<_> = stream.as_bytes().chunks(1).flat_map(|c| decoder.feed(c)).collect();
        assert_eq!(bytewise, whole);
    }
}
