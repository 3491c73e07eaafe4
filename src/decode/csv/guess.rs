//! Where the first record of a chunk probably starts, when nobody knows yet how the chunk before
//! it ends.
//!
//! The chunk may begin outside quotes or inside. Each is followed for a few records: the right one
//! soon shows records with as many fields as all others have, the wrong one quotes where none
//! should be. It is a guess: whoever uses it checks it against the end of the chunk before.

use super::{Machine, State};

/// So many good records without a bad one are enough.
const RECORDS_WANTED: u32 = 2;

/// So many bad ones are enough, too.
const BAD_MAX: u32 = 3;

/// So many bytes are followed at most.
const PROBE_BYTES: usize = 32 * 1024;

/// What was seen on one of the two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// Records with the right number of fields.
    good: u32,
    /// Other records, and quotes where none should be.
    bad: u32,
}

/// The state before `offset` that is more likely.
pub(super) fn state_before(
    machine: &Machine,
    window: &[u8],
    offset: usize,
    columns: usize,
) -> State {
    let outside = machine.state_outside(window, offset);
    let seen_outside = Seen::follow(machine, window, offset, outside, columns);
    if seen_outside.bad == 0 && seen_outside.good > 0 || machine.quote().is_none() {
        return outside;
    }
    let seen_inside = Seen::follow(machine, window, offset, State::Quoted, columns);
    let is_better = seen_inside.bad < seen_outside.bad
        || seen_inside.bad == seen_outside.bad && seen_outside.good == 0;
    if seen_inside.good > 0 && is_better { State::Quoted } else { outside }
}

impl Seen {
    /// Follows the records from `offset` on, where the state before it is `state`. What is left of a record there does not
    /// count.
    fn follow(
        machine: &Machine,
        window: &[u8],
        offset: usize,
        mut state: State,
        columns: usize,
    ) -> Seen {
        let mut seen = Seen { good: 0, bad: 0 };
        let mut fields = None;
        let end = window.len().min(offset + PROBE_BYTES);
        for byte in &window[offset.min(end)..end] {
            let next = machine.next(state, *byte);
            let is_odd = match state {
                State::Unquoted => Some(*byte) == machine.quote(),
                State::QuoteInQuoted => next == State::Unquoted,
                _ => false,
            };
            seen.bad += u32::from(is_odd);
            match (state, next) {
                (State::RecordStart, State::RecordStart | State::Comment) => {}
                (State::RecordStart, _) => fields = Some(1),
                (State::Comment, _) => {}
                (_, State::RecordStart) => match fields.take() {
                    Some(fields) if fields == columns => seen.good += 1,
                    Some(_) => seen.bad += 1,
                    None => {}
                },
                _ => {}
            }
            if next == State::FieldStart {
                fields = fields.map(|fields| fields + 1);
            }
            state = next;
            if seen.good == RECORDS_WANTED && seen.bad == 0 || seen.bad == BAD_MAX {
                break;
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::CsvDialect;

    fn check(text: &str, offset: usize, columns: usize, expected: State) {
        let dialect =
            CsvDialect { delimiter: b',', quote: Some(b'"'), escape: None, comment: None };
        let found = state_before(&Machine::new(dialect), text.as_bytes(), offset, columns);
        assert_eq!(found, expected, "{text:?} from {offset}");
    }

    #[test]
    fn the_state_is_the_one_that_makes_good_records() {
        let lines = "1,a,b\n2,c,d\n3,e,f\n";
        check(lines, 0, 3, State::RecordStart);
        check(lines, 1, 3, State::Unquoted);
        check(lines, 2, 3, State::FieldStart);
        let texts = "1,\"one\ntwo, three\nfour\",x\n2,\"five\nsix\",y\n3,\"a\nb\",z\n";
        let last_record = texts.rfind("3,").expect("the last record");
        for (offset, _) in texts[..last_record].char_indices() {
            let quotes = texts[..offset].matches('"').count();
            if quotes % 2 == 1 {
                check(texts, offset, 3, State::Quoted);
            }
        }
        check(texts, 0, 3, State::RecordStart);
    }

    #[test]
    fn without_good_records_on_the_other_way_the_chunk_begins_outside() {
        check("a,b\nc\nd\ne\nf\n", 0, 3, State::RecordStart);
        check("a \"quoted\" word\nb\nc\n", 0, 1, State::RecordStart);
        check("", 0, 3, State::RecordStart);
    }
}
