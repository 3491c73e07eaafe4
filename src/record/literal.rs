//! From the source text of a value to the text that it means: CSV quoting and JSON string escapes.
//!
//! One place for it, because decoding a column and writing an untouched field in another dialect
//! must agree.

use super::CsvDialect;
use std::borrow::Cow;

impl CsvDialect {
    /// Whether a raw field starts with a quote.
    pub fn is_quoted(&self, field: &[u8]) -> bool {
        self.quote.is_some() && field.first() == self.quote.as_ref()
    }

    /// What a raw field says: without its quotes, doubled and escaped quotes undone, text behind
    /// the closing quote appended. Borrows `field`, or `field[1..length - 1]`, wherever nothing has
    /// to be changed inside.
    pub fn unquote<'a>(&self, field: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(quote) = self.quote.filter(|_| self.is_quoted(field)) else {
            return Cow::Borrowed(field);
        };
        let inner = &field[1..];
        let special = match self.escape {
            None => memchr::memchr(quote, inner),
            Some(escape) => memchr::memchr2(quote, escape, inner),
        };
        match special {
            Some(at) if at + 1 == inner.len() && inner[at] == quote => Cow::Borrowed(&inner[..at]),
            _ => Cow::Owned(self.unquote_slowly(quote, inner)),
        }
    }

    /// `inner` is what follows the opening quote.
    fn unquote_slowly(&self, quote: u8, inner: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(inner.len());
        let mut rest = inner;
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            if *byte == quote {
                match rest.split_first() {
                    Some((next, after)) if *next == quote => {
                        text.push(quote);
                        rest = after;
                    }
                    _ => {
                        text.extend_from_slice(rest);
                        break;
                    }
                }
            } else if Some(*byte) == self.escape {
                if let Some((next, after)) = rest.split_first() {
                    text.push(*next);
                    rest = after;
                }
            } else {
                text.push(*byte);
            }
        }
        text
    }
}

/// The text of a JSON string literal (quotes included, already found valid); `None` where it holds
/// half a surrogate pair, which is no character. Borrows where there is nothing to unescape.
pub fn unescape_json(literal: &[u8]) -> Option<Cow<'_, [u8]>> {
    let inner = literal.get(1..literal.len().saturating_sub(1)).unwrap_or_default();
    let Some(mut at) = memchr::memchr(b'\\', inner) else {
        return Some(Cow::Borrowed(inner));
    };
    let mut text = inner[..at].to_vec();
    while at < inner.len() {
        if inner[at] == b'\\' {
            let (character, length) = read_escape(&inner[at..])?;
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            at += length;
        } else {
            let end = memchr::memchr(b'\\', &inner[at..]).map_or(inner.len(), |found| at + found);
            text.extend_from_slice(&inner[at..end]);
            at = end;
        }
    }
    Some(Cow::Owned(text))
}

/// The character of the escape that `bytes` starts with, and the number of bytes it takes.
fn read_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let character = match bytes.get(1)? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let high = read_hex(bytes.get(2..6)?)?;
            if let Some(character) = char::from_u32(high) {
                return Some((character, 6));
            }
            let low = match bytes.get(6..12)? {
                [b'\\', b'u', digits @ ..] => read_hex(digits)?,
                _ => return None,
            };
            let is_pair = (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low);
            let code = is_pair.then(|| 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00))?;
            return Some((char::from_u32(code)?, 12));
        }
        other => char::from(*other),
    };
    Some((character, 2))
}

fn read_hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(escape: Option<u8>) -> CsvDialect {
        CsvDialect { delimiter: b',', quote: Some(b'"'), escape, comment: None }
    }

    #[test]
    fn fields_lose_their_quotes_as_csv_core_does_it() {
        for (raw, text) in [
            ("", ""),
            ("a", "a"),
            ("a\"b", "a\"b"),
            ("\"\"", ""),
            ("\"a,b\"", "a,b"),
            ("\"a\"\"b\"", "a\"b"),
            ("\"\"\"\"", "\""),
            ("\"a\"b\"c", "ab\"c"),
            ("\"a\\\"", "a\\"),
        ] {
            let said = dialect(None).unquote(raw.as_bytes()).into_owned();
            assert_eq!(String::from_utf8_lossy(&said), text, "{raw}");
        }
        let said = dialect(Some(b'\\')).unquote(br#""a\"b\\""""#).into_owned();
        assert_eq!(String::from_utf8_lossy(&said), "a\"b\\\"");
    }

    #[test]
    fn json_strings_are_unescaped_and_half_pairs_refused() {
        for (literal, text) in [
            (r#""""#, Some("")),
            (r#""plain""#, Some("plain")),
            (r#""a\n\t\"\\\/\u0041""#, Some("a\n\t\"\\/A")),
            (r#""\ud83d\ude00!""#, Some("\u{1f600}!")),
            (r#""\ud83d""#, None),
            (r#""\ude00\ud83d""#, None),
            (r#""\ud83dx\ude00""#, None),
            (r#""\u0000""#, Some("\0")),
        ] {
            let said = unescape_json(literal.as_bytes()).map(Cow::into_owned);
            assert_eq!(said.as_deref(), text.map(str::as_bytes), "{literal}");
        }
    }
}
