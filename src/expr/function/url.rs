//! The parts of urls, cut as RFC 3986 says: `scheme://user@host:port/path?query#fragment`.
//!
//! Only whole urls are taken: a scheme must be there. Characters that ought to be percent-encoded are put up with, but for
//! white space and control characters. What a url does not have is NULL; a text that is no url is a fault.

use super::declare::declare;
use super::encoding::{Plus, decode_percent};
use super::text_answer;
use super::{Body, Function, Kernel, Parameter, ResultType, bigint_answer, boolean_answer, str_of};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::record::DataType;

const FAMILY: &str = "url and ip";
const TEXT: ResultType = |_| DataType::Text;
const ONE: &[Parameter] = &[Parameter::Text];

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    declare(
        FAMILY,
        [
            "is_url",
            "is_url(text) -> boolean",
            "whether a text is a url with a scheme",
            "is_url('https://example.org/')",
            "true",
        ],
        ONE,
        Body::Strict(
            |_| DataType::Boolean,
            |cells, _| boolean_answer(Url::parse(str_of(cells[0])).is_ok()),
        ),
    ),
    part(
        [
            "url_scheme",
            "url_scheme(url text) -> text",
            "the scheme in lower case",
            "url_scheme('HTTPS://example.org/a')",
            "https",
        ],
        |cells, out| {
            out.extend(
                Url::parse(str_of(cells[0]))?.scheme.bytes().map(|b| b.to_ascii_lowercase()),
            );
            Ok(Answer::Written)
        },
    ),
    part(
        [
            "url_host",
            "url_host(url text) -> text",
            "the host in lower case, an address of version 6 without its brackets",
            "url_host('https://ann@Example.org:8080/a')",
            "example.org",
        ],
        |cells, out| match Url::parse(str_of(cells[0]))?.host {
            None => Ok(Answer::Cell(Cell::Null)),
            Some(host) => {
                out.extend(host.bytes().map(|byte| byte.to_ascii_lowercase()));
                Ok(Answer::Written)
            }
        },
    ),
    declare(
        FAMILY,
        [
            "url_port",
            "url_port(url text) -> bigint",
            "the port where one is written",
            "url_port('https://example.org:8080/a')",
            "8080",
        ],
        ONE,
        Body::Strict(
            |_| DataType::Bigint,
            |cells, _| match Url::parse(str_of(cells[0]))?.port {
                None => Ok(Answer::Cell(Cell::Null)),
                Some(port) => bigint_answer(port),
            },
        ),
    ),
    part(
        [
            "url_path",
            "url_path(url text) -> text",
            "the path as written, '' where there is none",
            "url_path('https://example.org/a/b?x=1')",
            "/a/b",
        ],
        |cells, _| text_answer(Url::parse(str_of(cells[0]))?.path),
    ),
    part(
        [
            "url_query",
            "url_query(url text) -> text",
            "what stands behind ? as written",
            "url_query('https://example.org/a?x=1&y=2#top')",
            "x=1&y=2",
        ],
        |cells, _| maybe(Url::parse(str_of(cells[0]))?.query),
    ),
    declare(
        FAMILY,
        [
            "url_query_param",
            "url_query_param(url text, name text) -> text",
            "the decoded value of the first parameter of that name in the query",
            "url_query_param('https://example.org/?q=a+b&q=c', 'q')",
            "a b",
        ],
        &[Parameter::Text, Parameter::Text],
        Body::Strict(TEXT, parameter),
    ),
    part(
        [
            "url_fragment",
            "url_fragment(url text) -> text",
            "what stands behind # as written",
            "url_fragment('https://example.org/a#top')",
            "top",
        ],
        |cells, _| maybe(Url::parse(str_of(cells[0]))?.fragment),
    ),
];

const fn part(doc: [&'static str; 5], kernel: Kernel) -> Function {
    declare(FAMILY, doc, ONE, Body::Strict(TEXT, kernel))
}

/// The parts of a url as they are written.
struct Url<'a> {
    scheme: &'a str,
    host: Option<&'a str>,
    port: Option<u16>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn parse(text: &'a str) -> Result<Url<'a>, Failure> {
        if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err("text is not a url: white space or a control character in it".into());
        }
        let (rest, fragment) = cut(text, '#');
        let (rest, query) = cut(rest, '?');
        let is_scheme = |scheme: &str| {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        };
        let (scheme, rest) = rest
            .split_once(':')
            .filter(|(scheme, _)| is_scheme(scheme))
            .ok_or("text is not a url: it has no scheme such as https:")?;
        let Some(rest) = rest.strip_prefix("//") else {
            return Ok(Url { scheme, host: None, port: None, path: rest, query, fragment });
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = host_and_port(authority)?;
        Ok(Url { scheme, host: Some(host), port, path, query, fragment })
    }
}

/// A text before a character, and what stands behind it.
fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), Failure> {
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let (host, port) = match place.strip_prefix('[') {
        Some(inner) => {
            let (host, behind) = inner.split_once(']').ok_or("text is not a url: [ without ]")?;
            let is_address = host.parse::<std::net::Ipv6Addr>().is_ok();
            if !is_address || !(behind.is_empty() || behind.starts_with(':')) {
                return Err("text is not a url: no address of version 6 in its brackets".into());
            }
            (host, behind.strip_prefix(':'))
        }
        None => cut(place, ':'),
    };
    // A colon without a port is allowed.
    let port = match port.filter(|port| !port.is_empty()) {
        None => None,
        Some(port) => {
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
            let number = port.parse().ok().filter(|_| is_number);
            Some(number.ok_or("text is not a url: its port is not a number up to 65535")?)
        }
    };
    Ok((host, port))
}

fn maybe(text: Option<&str>) -> Result<Answer<'_>, Failure> {
    text.map_or(Ok(Answer::Cell(Cell::Null)), text_answer)
}

fn parameter<'a>(cells: &[Cell<'a>], out: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    let name = str_of(cells[1]).as_bytes();
    for pair in Url::parse(str_of(cells[0]))?.query.unwrap_or("").split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        out.clear();
        decode_percent(out, key.as_bytes(), Plus::IsSpace);
        if !pair.is_empty() && out == name {
            out.clear();
            decode_percent(out, value.as_bytes(), Plus::IsSpace);
            return match std::str::from_utf8(out) {
                Ok(_) => Ok(Answer::Written),
                Err(_) => Err("the decoded bytes are not UTF-8 text".into()),
            };
        }
    }
    Ok(Answer::Cell(Cell::Null))
}

#[cfg(test)]
mod tests {
    use crate::expr::tests::text_of;

    fn check(sql: &str, expected: &str) {
        let found = text_of(sql).unwrap_or_else(|reason| format!("!{reason}"));
        assert_eq!(found, expected, "{sql}");
    }

    /// Scheme, host, port, path, query and fragment.
    fn check_parts(url: &str, expected: [&str; 6]) {
        let functions = ["scheme", "host", "port", "path", "query", "fragment"];
        for (function, expected) in functions.iter().zip(expected) {
            check(&format!("url_{function}('{url}')"), expected);
        }
    }

    #[test]
    fn the_examples_of_rfc_3986_have_their_parts() {
        let none = "NULL";
        check_parts(
            "foo://example.com:8042/over/there?name=ferret#nose",
            ["foo", "example.com", "8042", "/over/there", "name=ferret", "nose"],
        );
        check_parts(
            "urn:example:animal:ferret:nose",
            ["urn", none, none, "example:animal:ferret:nose", none, none],
        );
        check_parts(
            "ftp://ftp.is.co.za/rfc/rfc1808.txt",
            ["ftp", "ftp.is.co.za", none, "/rfc/rfc1808.txt", none, none],
        );
        check_parts(
            "ldap://[2001:db8::7]/c=GB?objectClass?one",
            ["ldap", "2001:db8::7", none, "/c=GB", "objectClass?one", none],
        );
        check_parts("tel:+1-816-555-1212", ["tel", none, none, "+1-816-555-1212", none, none]);
        check_parts("telnet://192.0.2.16:80/", ["telnet", "192.0.2.16", "80", "/", none, none]);
        check_parts("file:///etc/hosts", ["file", "", none, "/etc/hosts", none, none]);
    }

    #[test]
    fn odd_places_are_understood() {
        check_parts("http://a:b@c@d:1/", ["http", "d", "1", "/", "NULL", "NULL"]);
        check_parts("http://h?a/b#c?d", ["http", "h", "NULL", "", "a/b", "c?d"]);
        check_parts("http://h:/?#", ["http", "h", "NULL", "/", "", ""]);
        check_parts("http://[::1]:65535", ["http", "::1", "65535", "", "NULL", "NULL"]);
    }

    #[test]
    fn what_is_no_url_is_a_fault() {
        let no_scheme = "!text is not a url: it has no scheme such as https:";
        for text in ["", "example.org", "/a/b", "//host/a", "1a:b", "a b", "a?b:c"] {
            check(&format!("is_url('{text}')"), "false");
        }
        check("url_host('example.org/a')", no_scheme);
        check(
            "url_host('a\u{1}:b')",
            "!text is not a url: white space or a control character in it",
        );
        check(
            "url_port('http://h:65536/')",
            "!text is not a url: its port is not a number up to 65535",
        );
        check(
            "url_port('http://h:+1/')",
            "!text is not a url: its port is not a number up to 65535",
        );
        check("url_host('http://[::1/')", "!text is not a url: [ without ]");
        check(
            "url_host('http://[x]/')",
            "!text is not a url: no address of version 6 in its brackets",
        );
        check("url_host(NULL)", "NULL");
    }

    #[test]
    fn parameters_are_decoded() {
        check("url_query_param('http://h/?a=1&b=%C3%A4+%26', 'b')", "\u{e4} &");
        check("url_query_param('http://h/?a%5B%5D=1', 'a[]')", "1");
        check("url_query_param('http://h/?a', 'a')", "");
        check("url_query_param('http://h/?a=1', 'b')", "NULL");
        check("url_query_param('http://h/', 'a')", "NULL");
        check("url_query_param('http://h/?&a=b=c', 'a')", "b=c");
        check("url_query_param('http://h/?', '')", "NULL");
        check("url_query_param('http://h/?a=%ff', 'a')", "!the decoded bytes are not UTF-8 text");
    }
}
