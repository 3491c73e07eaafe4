//! The names in a job's folder. Every name that is not one of these is somebody else's and is never
//! touched.

use super::ArrivalMark;
use crate::checkpoint::id::{RunId, Sequence};
use crate::checkpoint::spill::SpillName;
use std::ffi::OsStr;

/// The file that the lock is on; never removed.
pub(super) const LOCK: &str = "LOCK";

/// Who holds the lock; for messages only.
pub(super) const LOCK_INFO: &str = "LOCK.info";

/// A name of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// `ckpt-<sequence>.onw`: a checkpoint.
    Checkpoint(Sequence),
    /// `.ckpt-<sequence>.<random>.tmp`: a checkpoint that is being written.
    Temporary(Sequence),
    /// `.chain-<first>.<last>.tmp`: these checkpoints are being taken over, and are not usable until the first is there.
    Adoption { first: Sequence, last: Sequence },
    /// `.arrival-<instance>.<round>.tmp`: outputs are being staged for this start, of which there may be no checkpoint.
    Arrival(ArrivalMark),
    /// `.lock-info.<random>.tmp`: a `LOCK.info` that is being written.
    TemporaryInfo,
    /// `spill-<number>-<random>.onw`: what a state had no room for.
    Spill(SpillName),
}

/// Understands a name; `None` for those of others.
pub(super) fn parse(name: &OsStr) -> Option<Name> {
    let name = name.to_str()?;
    if let Some(rest) = name.strip_prefix("ckpt-") {
        return Some(Name::Checkpoint(Sequence(parse_hex(rest.strip_suffix(".onw")?)?)));
    }
    if let Some(spill) = SpillName::parse(name) {
        return Some(Name::Spill(spill));
    }
    let inner = name.strip_prefix('.')?.strip_suffix(".tmp")?;
    if let Some(random) = inner.strip_prefix("lock-info.") {
        parse_hex(random)?;
        return Some(Name::TemporaryInfo);
    }
    if let Some(numbers) = inner.strip_prefix("chain-") {
        let (first, last) = numbers.split_once('.')?;
        let (first, last) = (Sequence(parse_hex(first)?), Sequence(parse_hex(last)?));
        return Some(Name::Adoption { first, last });
    }
    if let Some(mark) = inner.strip_prefix("arrival-") {
        let (instance, round) = mark.split_once('.')?;
        let (instance, round) = (RunId::parse(instance)?, parse_hex(round)?);
        return Some(Name::Arrival(ArrivalMark { instance, round }));
    }
    let (sequence, random) = inner.strip_prefix("ckpt-")?.split_once('.')?;
    parse_hex(random)?;
    Some(Name::Temporary(Sequence(parse_hex(sequence)?)))
}

/// The name of a checkpoint.
pub(super) fn checkpoint(sequence: Sequence) -> String {
    format!("ckpt-{:016x}.onw", sequence.0)
}

/// The name of a spill.
pub(super) fn spill(spill: SpillName) -> String {
    spill.to_string()
}

/// A name for a checkpoint that is being written.
pub(super) fn temporary(sequence: Sequence, random: u64) -> String {
    format!(".ckpt-{:016x}.{random:016x}.tmp", sequence.0)
}

/// The name of the mark that a chain of checkpoints is being taken over.
pub(super) fn adoption(first: Sequence, last: Sequence) -> String {
    format!(".chain-{:016x}.{:016x}.tmp", first.0, last.0)
}

/// The name of the mark that outputs are being staged for a start.
pub(super) fn arrival(mark: ArrivalMark) -> String {
    format!(".arrival-{}.{:016x}.tmp", mark.instance, mark.round)
}

/// A name for a `LOCK.info` that is being written.
pub(super) fn temporary_info(random: u64) -> String {
    format!(".lock-info.{random:016x}.tmp")
}

/// A number as [`parse_hex`] reads it.
pub(super) fn to_hex(number: u64) -> String {
    format!("{number:016x}")
}

/// Exactly sixteen lower-case digits.
pub(super) fn parse_hex(digits: &str) -> Option<u64> {
    let canonical =
        digits.len() == 16 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if canonical { u64::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_understood() {
        const SPILL: SpillName = SpillName { number: 2, random: 0xab };
        const MARK: ArrivalMark = ArrivalMark { instance: RunId([0xcd; 16]), round: 3 };
        let sequence = Sequence(0xab);
        let cases = [
            (checkpoint(sequence), Some(Name::Checkpoint(sequence))),
            (temporary(sequence, 7), Some(Name::Temporary(sequence))),
            (
                adoption(Sequence(7), sequence),
                Some(Name::Adoption { first: Sequence(7), last: sequence }),
            ),
            (".chain-00000000000000ab.tmp".into(), None),
            (arrival(MARK), Some(Name::Arrival(MARK))),
            (arrival(MARK).to_uppercase(), None),
            (".arrival-cd.0000000000000003.tmp".into(), None),
            (temporary_info(7), Some(Name::TemporaryInfo)),
            (SPILL.to_string(), Some(Name::Spill(SPILL))),
            (SPILL.to_string().to_uppercase(), None),
            ("spill-2-3.onw".into(), None),
            ("spill-0000000000000002-../../../etc/pass.onw".into(), None),
            ("spill-+000000000000002-0000000000000003.onw".into(), None),
            ("LOCK".into(), None),
            ("ckpt-00000000000000AB.onw".into(), None),
            ("ckpt-ab.onw".into(), None),
            ("ckpt-+0000000000000ab.onw".into(), None),
            ("ckpt-00000000000000ab.onw.bak".into(), None),
            (".ckpt-00000000000000ab.tmp".into(), None),
            (".other.tmp".into(), None),
        ];
        for (name, expected) in cases {
            assert_eq!(parse(OsStr::new(&name)), expected, "{name}");
        }
    }
}
