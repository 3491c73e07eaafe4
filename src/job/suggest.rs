//! Which known word was meant.

/// The candidate nearest to a mistyped word, if one is near enough to be meant; the first among equals.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    let near_enough = 1.max(word.len() / 3);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let lower: Vec<char> = candidate.to_lowercase().chars().collect();
        let distance = distance(&word, &lower);
        if distance <= near_enough && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment).
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, to) in right.iter().enumerate() {
            let replaced = last[column] + usize::from(from != to);
            let mut least = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let is_swap =
                row > 0 && column > 0 && *from == right[column - 1] && left[row - 1] == *to;
            if is_swap {
                least = least.min(before[column - 1] + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut last, current);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: Option<&str>) {
        let candidates = ["path", "format", "types", "delimiter", "quote"];
        assert_eq!(closest(word, candidates), expected, "{word}");
    }

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        check("pth", Some("path"));
        check("paht", Some("path"));
        check("Formatt", Some("format"));
        check("delimeter", Some("delimiter"));
        check("separator", None);
        check("x", None);
        check("", None);
    }
}
