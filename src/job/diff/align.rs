//! Which step of a job is which step of a former one.

use super::nature::{Memory, kind, memory, name, settings};
use serde_json::Value as Json;

/// More pairs of steps than this are not compared: no job has so many.
const PAIRS_MAX: usize = 1 << 20;

/// For each step of the current job the step of the stored one that it is, in the order of both: as many as can be of
/// those that are the same, of the same kind and name, or of the same kind and settings. Where it is either a step with
/// state or one without, it is the one with state.
pub fn align(stored: &[Json], current: &[Json]) -> Vec<Option<usize>> {
    let mut origins = vec![None; current.len()];
    if stored.len().saturating_mul(current.len()) > PAIRS_MAX {
        return origins;
    }
    // The best sum of the likenesses of all steps from these two on.
    let width = current.len() + 1;
    let mut best = vec![0_u64; (stored.len() + 1) * width];
    for old in (0..stored.len()).rev() {
        for new in (0..current.len()).rev() {
            let apart = best[(old + 1) * width + new].max(best[old * width + new + 1]);
            let likeness = likeness(&stored[old], &current[new]);
            let together = best[(old + 1) * width + new + 1] + likeness;
            best[old * width + new] = if likeness > 0 { apart.max(together) } else { apart };
        }
    }
    let (mut old, mut new) = (0, 0);
    while old < stored.len() && new < current.len() {
        let likeness = likeness(&stored[old], &current[new]);
        let here = best[old * width + new];
        if likeness > 0 && here == best[(old + 1) * width + new + 1] + likeness {
            origins[new] = Some(old);
            (old, new) = (old + 1, new + 1);
        } else if here == best[(old + 1) * width + new] {
            old += 1;
        } else {
            new += 1;
        }
    }
    origins
}

/// How much two steps are alike; nothing where one cannot be the other.
fn likeness(stored: &Json, current: &Json) -> u64 {
    if kind(stored).is_none() || kind(stored) != kind(current) {
        return 0;
    }
    let state = if memory(stored) == Memory::None { 0 } else { 20 };
    match (name(stored) == name(current), settings(stored) == settings(current)) {
        (true, true) => 4 + state,
        (true, false) | (false, true) => 3 + state,
        (false, false) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Steps by letters: `f` and `g` are filters, `d` and `e` dedups by other keys, `l` a limit.
    fn steps(letters: &str) -> Vec<Json> {
        let step = |letter| match letter {
            'd' | 'e' => json!({ "name": "dedup", "dedup": { "key": [letter.to_string()] } }),
            'D' => json!({ "name": "other", "dedup": { "key": ["d"] } }),
            'l' => json!({ "name": "limit", "limit": 5 }),
            letter => json!({ "name": "filter", "filter": letter.to_string() }),
        };
        letters.chars().map(step).collect()
    }

    fn check(stored: &str, current: &str, expected: &[Option<usize>]) {
        assert_eq!(align(&steps(stored), &steps(current)), expected, "{stored} {current}");
    }

    #[test]
    fn steps_are_known_again_by_name_kind_and_settings() {
        check("fd", "fd", &[Some(0), Some(1)]);
        check("fd", "gfd", &[None, Some(0), Some(1)]);
        check("fgd", "gd", &[Some(1), Some(2)]);
        check("fd", "ge", &[Some(0), Some(1)]);
        check("d", "D", &[Some(0)]);
        check("dl", "ld", &[Some(1), None]);
        check("fd", "df", &[Some(1), None]);
        check("", "fd", &[None, None]);
        check("fd", "", &[]);
    }
}
