//! The exact byte state machine of CSV.
//!
//! What `csv-core` does with `Terminator::CRLF`: CR, LF and CR LF end a record; blank lines are
//! skipped; a quote inside an unquoted field is text; text behind a closing quote is appended; a
//! doubled quote is a quote. Beyond it, a comment ends at any line end (there only at LF, so that a
//! comment would swallow a whole file of CR lines).

use crate::record::CsvDialect;

/// Where in a record a byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum State {
    /// Before the first byte of a record; line ends stay here.
    RecordStart,
    /// Before the first byte of a field.
    FieldStart,
    /// In a field that did not start with a quote, or behind its closing quote.
    Unquoted,
    /// Between quotes.
    Quoted,
    /// Behind an escape between quotes.
    Escaped,
    /// Behind a quote that closes the field, unless another one follows.
    QuoteInQuoted,
    /// In a comment line.
    Comment,
}

/// The transitions between the states.
#[derive(Debug, Clone)]
pub(in crate::decode) struct Machine {
    dialect: CsvDialect,
}

impl Machine {
    pub(in crate::decode) fn new(dialect: CsvDialect) -> Machine {
        Machine { dialect }
    }

    /// The state behind a byte.
    #[inline]
    pub(in crate::decode) fn next(&self, state: State, byte: u8) -> State {
        let dialect = &self.dialect;
        let is_line_end = byte == b'\n' || byte == b'\r';
        match state {
            State::RecordStart if is_line_end => State::RecordStart,
            State::RecordStart if Some(byte) == dialect.comment => State::Comment,
            State::RecordStart | State::FieldStart if Some(byte) == dialect.quote => State::Quoted,
            State::QuoteInQuoted if Some(byte) == dialect.quote => State::Quoted,
            State::RecordStart | State::FieldStart | State::Unquoted | State::QuoteInQuoted => {
                if byte == dialect.delimiter {
                    State::FieldStart
                } else if is_line_end {
                    State::RecordStart
                } else {
                    State::Unquoted
                }
            }
            State::Quoted if Some(byte) == dialect.quote => State::QuoteInQuoted,
            State::Quoted if Some(byte) == dialect.escape => State::Escaped,
            State::Quoted | State::Escaped => State::Quoted,
            State::Comment if is_line_end => State::RecordStart,
            State::Comment => State::Comment,
        }
    }

    /// What stands around fields.
    pub(super) fn quote(&self) -> Option<u8> {
        self.dialect.quote
    }

    /// The state before `offset`, if the byte before it is outside quotes.
    pub(super) fn state_outside(&self, window: &[u8], offset: usize) -> State {
        match offset.checked_sub(1).and_then(|before| window.get(before)) {
            None | Some(b'\n' | b'\r') => State::RecordStart,
            Some(byte) if *byte == self.dialect.delimiter => State::FieldStart,
            Some(_) => State::Unquoted,
        }
    }

    /// The first record start at or after `from`, where the state before `from` is `state`; `None`
    /// where `window` ends before it.
    pub(in crate::decode) fn record_start(
        &self,
        window: &[u8],
        from: usize,
        mut state: State,
    ) -> Option<usize> {
        for (at, byte) in window.iter().enumerate().skip(from) {
            let next = self.next(state, *byte);
            let is_start = !matches!(next, State::RecordStart | State::Comment);
            if state == State::RecordStart && is_start {
                return Some(at);
            }
            state = next;
        }
        None
    }
}
