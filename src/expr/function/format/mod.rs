//! `format` and `printf`: values put into a text, with width, precision and thousands separators.
//!
//! Both read their template into the same pieces. Decimals keep all their digits and are rounded half away from zero;
//! doubles are rounded half to even, as everywhere. No locale.

mod number;

mod spec;

mod template;

use super::declare::declare;
use super::prepared::routine;
use super::{Body, Flaw, Function, Parameter, ResultType, Routine, str_of, within_bounds};
use crate::expr::evaluate::cell::{Answer, Cell};
use crate::record::DataType;
use template::{Piece, braces, percents};

const FAMILY: &str = "text";
const TEXT: ResultType = |_| DataType::Text;

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    Function {
        required: 1,
        repeats: true,
        ..declare(
            FAMILY,
            [
                "format",
                "format(template text, value, ...) -> text",
                "the template with {}, {0} or {:>12,.2f} replaced by values; {{ is a brace",
                "format('{}: {:,.2f}', 'total', 1234567.891)",
                "total: 1,234,567.89",
            ],
            &[Parameter::Text, Parameter::Printable],
            Body::Prepared(TEXT, &[0], |constants| prepare(constants, braces)),
        )
    },
    Function {
        required: 1,
        repeats: true,
        ..declare(
            FAMILY,
            [
                "printf",
                "printf(template text, value, ...) -> text",
                "the template with %d, %s, %08.2f and the like replaced by values; %% is a percent sign",
                "printf('%s-%05d', 'A', 42)",
                "A-00042",
            ],
            &[Parameter::Text, Parameter::Printable],
            Body::Prepared(TEXT, &[0], |constants| prepare(constants, percents)),
        )
    },
];

/// Reads a template.
type Reader = fn(&str, usize) -> Result<Vec<Piece>, &'static str>;

fn prepare(constants: &[Option<Cell>], read: Reader) -> Result<Routine, Flaw> {
    let template = constants.first().copied().flatten().map_or("", str_of);
    let length = template.len();
    let pieces = read(template, constants.len() - 1).map_err(|reason| Flaw::new(0, reason))?;
    Ok(routine(move |cells, out| {
        let texts = cells[1..].iter().map(|cell| match cell {
            Cell::Text(bytes) => bytes.len(),
            _ => 0,
        });
        let source_bytes = length + texts.sum::<usize>();
        for piece in &pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Value(argument, spec) => {
                    let spec = spec.resolved(&cells[1..])?;
                    number::write(out, cells[1 + argument], &spec)?;
                }
            }
            within_bounds(out.len(), source_bytes)?;
        }
        Ok(Answer::Written)
    }))
}

#[cfg(test)]
mod tests {
    use crate::expr::tests::text_of;

    fn check(sql: &str, expected: &str) {
        let found = text_of(sql).unwrap_or_else(|reason| format!("!{reason}"));
        assert_eq!(found, expected, "{sql}");
    }

    #[test]
    fn decimals_keep_their_digits() {
        check(
            "format('{:,}', CAST('12345678901234567890123456789.10' AS decimal(38,2)))",
            "12,345,678,901,234,567,890,123,456,789.10",
        );
        check("format('{:.2f}', 1.005)", "1.01");
        check("format('{:.0f}', -2.5)", "-3");
        check("format('{:.4f}', 1.5)", "1.5000");
        check("format('{:.2f}', -0.001)", "-0.00");
        check(
            "format('{:.1f}', CAST('99999999999999999999999999999999999999' AS decimal(38,0)))",
            "99999999999999999999999999999999999999.0",
        );
    }

    #[test]
    fn integers_are_numbers_where_a_point_is_asked_for() {
        check("format('{:.2f}', 3)", "3.00");
        check("printf('%.1f%%', 12)", "12.0%");
        check("printf('%s', 12.50)", "12.50");
    }

    #[test]
    fn separators_stand_before_or_behind_the_width() {
        check("format('{:>14,.2f}|', 1234567.891)", "  1,234,567.89|");
        check("format('{:t.14.2f}|', 1234567.891)", "  1.234.567,89|");
        check("format('{:14,d}|', 1234567)", "     1,234,567|");
        check("format('{:09,}', 1234)", "00001,234");
    }

    #[test]
    fn results_are_bounded() {
        check("format('{:1000000}', 1) <> ''", "true");
        check(
            "format('{:1000000}{:1000000}', 1, 2)",
            "!the result has more than 1 MiB, and more than 8 times its source",
        );
        check("format('{:.1001f}', 1.5)", "!`format`: a precision is at most 1000");
        check("format('{:1048577}', 1)", "!`format`: a width is at most 1048576");
        check("format('{:{}}', 1, 1048577)", "!a width is at most 1048576");
        check("format('{:.{}f}', 1, -1)", "!a precision is at most 1000");
    }
}
