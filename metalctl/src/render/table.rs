//! Columns of text: two spaces between them, no lines, nothing after the last.

use super::paint::{Paint, Tone};
use super::words::clean;

#[derive(Clone, Debug, Default)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<(String, Tone)>>,
    indent: usize,
}

impl Table {
    pub fn new(head: &[&str]) -> Table {
        Table { head: head.iter().map(|h| h.to_string()).collect(), ..Table::default() }
    }

    /// Without a head, for names and their values.
    pub fn pairs() -> Table {
        Table { indent: 2, ..Table::default() }
    }

    pub fn indented(self) -> Table {
        Table { indent: 2, ..self }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = (String, Tone)>) {
        self.rows.push(cells.into_iter().map(|(text, tone)| (clean(&text), tone)).collect());
    }

    pub fn plain(&mut self, cells: impl IntoIterator<Item = String>) {
        self.row(cells.into_iter().map(|text| (text, Tone::Plain)));
    }

    /// A name and its value; nothing where the value is empty.
    pub fn pair(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.row([(name.into(), Tone::Quiet), (value, Tone::Plain)]);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Lines end at `width` where one is given.
    pub fn render(&self, paint: Paint, width: Option<usize>) -> String {
        let head: Vec<_> = self.head.iter().map(|h| (h.clone(), Tone::Head)).collect();
        let lines = (!head.is_empty()).then_some(&head).into_iter().chain(&self.rows);
        let widths = self.widths();
        lines.map(|cells| self.line(cells, &widths, width, paint) + "\n").collect()
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0).max(self.head.len());
        let width = |column: usize| {
            let head = self.head.get(column).map_or(0, |h| h.chars().count());
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|(text, _)| text.chars().count()).max().unwrap_or(0).max(head)
        };
        (0..columns).map(width).collect()
    }

    fn line(&self, cells: &[(String, Tone)], widths: &[usize], end: Option<usize>, paint: Paint) -> String {
        let mut line = " ".repeat(self.indent);
        let mut used = self.indent;
        let last = cells.iter().rposition(|(text, _)| !text.is_empty()).unwrap_or(0);
        for (column, (text, tone)) in cells.iter().enumerate().take(last + 1) {
            let room = end.map_or(usize::MAX, |end| end.saturating_sub(used));
            let text = cut(text, room);
            line += &paint.tone(*tone, &text);
            used += text.chars().count();
            if column < last {
                let gap = widths[column].saturating_sub(text.chars().count()) + 2;
                line += &" ".repeat(gap);
                used += gap;
            }
        }
        line
    }
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.into();
    }
    let mut short: String = text.chars().take(room.saturating_sub(1)).collect();
    if room > 0 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&["NAME", "STATE"]);
        table.plain(["node07".into(), "active".into()]);
        table.plain(["n".into(), String::new()]);
        table
    }

    #[test]
    fn columns_line_up_and_nothing_trails() {
        assert_eq!(sample().render(Paint::default(), None), "NAME    STATE\nnode07  active\nn\n");
    }

    #[test]
    fn a_narrow_terminal_cuts() {
        assert_eq!(sample().render(Paint::default(), Some(11)), "NAME    ST…\nnode07  ac…\nn\n");
    }

    #[test]
    fn colour_does_not_shift_columns() {
        let text = sample().render(Paint { colour: true }, None);
        assert!(text.starts_with("\x1b[1mNAME\x1b[0m    \x1b[1mSTATE\x1b[0m\nnode07  active\n"), "{text:?}");
    }
}
