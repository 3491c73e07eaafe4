//! Records as a table on a terminal.

use super::messages::{display_width, escape};

/// Between two columns.
const GAP: &str = "  ";

/// What stands at the end of a text that was cut.
const CUT: &str = "...";

/// The widest column while there are others: one long text must not push them off the screen.
const COLUMN_WIDTH_MAX: usize = 40;

/// One cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// No value.
    Null,
    /// Aligned to the left.
    Text(String),
    /// Aligned to the right.
    Number(String),
}

/// Renders a header line, a rule, and a line per row, no line wider than `width` columns; `None` for no limit.
///
/// Columns that do not fit are left out at the right; a last line says how many.
pub fn render(header: &[String], rows: &[Vec<Cell>], width: Option<usize>) -> String {
    let columns: Vec<Column> = header
        .iter()
        .enumerate()
        .map(|(index, name)| Column::new(name, rows, index, width))
        .collect();
    let shown = &columns[..how_many_fit(&columns, width)];
    let mut text = String::new();
    for line in 0..=rows.len() {
        push_line(&mut text, shown.iter().map(|column| column.line(line)));
        if line == 0 {
            push_line(&mut text, shown.iter().map(|column| "-".repeat(column.width)));
        }
    }
    match columns.len() - shown.len() {
        0 => {}
        1 => text.push_str("(1 more column)\n"),
        hidden => text.push_str(&format!("({hidden} more columns)\n")),
    }
    text
}

/// The width of the terminal on standard output; `None` where it is no terminal.
pub fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// A column, escaped and cut.
struct Column {
    /// The header first.
    cells: Vec<Cell>,
    width: usize,
    is_numeric: bool,
}

impl Column {
    fn new(name: &str, rows: &[Vec<Cell>], index: usize, width: Option<usize>) -> Column {
        let width_max = width.map_or(usize::MAX, |width| width.min(COLUMN_WIDTH_MAX));
        let cell = |row: &Vec<Cell>| row.get(index).map_or(Cell::Null, |cell| cell.cut(width_max));
        let mut cells = vec![Cell::Text(cut(&escape(name), width_max))];
        cells.extend(rows.iter().map(cell));
        let is_numeric = cells.iter().any(|cell| matches!(cell, Cell::Number(_)));
        let width = cells.iter().map(|cell| display_width(cell.shown())).max();
        Column { width: width.unwrap_or(0), cells, is_numeric }
    }

    /// One cell with the blanks that make it as wide as the column.
    fn line(&self, index: usize) -> String {
        let shown = self.cells[index].shown();
        let blanks = " ".repeat(self.width - display_width(shown));
        if self.is_numeric { format!("{blanks}{shown}") } else { format!("{shown}{blanks}") }
    }
}

impl Cell {
    fn shown(&self) -> &str {
        match self {
            Cell::Null => "NULL",
            Cell::Text(text) | Cell::Number(text) => text,
        }
    }

    fn cut(&self, width: usize) -> Cell {
        match self {
            Cell::Null => Cell::Null,
            Cell::Text(text) => Cell::Text(cut(&escape(text), width)),
            Cell::Number(text) => Cell::Number(cut(&escape(text), width)),
        }
    }
}

/// How many columns fit; the first one is shown in any case.
fn how_many_fit(columns: &[Column], width: Option<usize>) -> usize {
    let Some(width) = width else {
        return columns.len();
    };
    let mut used = 0;
    let mut fitting = 0;
    for column in columns {
        used += column.width + if fitting > 0 { GAP.len() } else { 0 };
        if fitting > 0 && used > width {
            break;
        }
        fitting += 1;
    }
    fitting
}

fn push_line(text: &mut String, parts: impl Iterator<Item = String>) {
    let line = parts.collect::<Vec<_>>().join(GAP);
    text.push_str(line.trim_end());
    text.push('\n');
}

/// A text that is at most `width` columns wide.
fn cut(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(CUT.len());
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if display_width(&kept) > room {
            kept.pop();
            break;
        }
    }
    kept.push_str(&CUT[..CUT.len().min(width)]);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    fn number(text: &str) -> Cell {
        Cell::Number(text.to_owned())
    }

    fn check(rows: &[Vec<Cell>], width: Option<usize>, expected: &str) {
        let header = ["name", "n"].map(str::to_owned);
        assert_eq!(render(&header, rows, width), expected);
    }

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        check(
            &[
                vec![text("a\tb"), number("1")],
                vec![text("\u{4e16}\u{754c}"), number("-20")],
                vec![Cell::Null, Cell::Null],
            ],
            Some(80),
            concat!(
                "name     n\n",
                "----  ----\n",
                "a\\tb     1\n",
                "\u{4e16}\u{754c}   -20\n",
                "NULL  NULL\n",
            ),
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let rows = [vec![text(&"x".repeat(50)), number("1")]];
        check(&rows, Some(8), "name\n--------\nxxxxx...\n(1 more column)\n");
        check(&rows, Some(2), "..\n--\n..\n(1 more column)\n");
        let long = "x".repeat(50);
        let expected = format!("name{}  n\n{}  -\n{long}  1\n", " ".repeat(46), "-".repeat(50));
        check(&rows, None, &expected);
    }

    #[test]
    fn without_rows_there_is_still_a_header() {
        check(&[], Some(80), "name  n\n----  -\n");
        assert_eq!(render(&[], &[], None), "\n\n");
    }
}
