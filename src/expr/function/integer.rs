//! Functions of integers: divisors, bits, digits in other bases.

use super::{Body, Function, FunctionDoc, Kernel, Parameter, ResultType, bigint_answer, bigint_of};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::record::DataType;

const BIGINT: ResultType = |_| DataType::Bigint;
const TEXT: ResultType = |_| DataType::Text;
const ONE: &[Parameter] = &[Parameter::Bigint];
const TWO: &[Parameter] = &[Parameter::Bigint, Parameter::Bigint];
const THREE: &[Parameter] = &[Parameter::Bigint, Parameter::Bigint, Parameter::Bigint];

/// A bigint has no more digits in any base.
const DIGITS_MAX: i64 = 64;

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["greatest_common_divisor"],
        ..function(
            [
                "gcd",
                "gcd(number bigint, number bigint) -> bigint",
                "the greatest common divisor",
                "gcd(12, 18)",
                "6",
            ],
            TWO,
            BIGINT,
            |cells, _| bigint_answer(common_divisor(cells)),
        )
    },
    Function {
        aliases: &["least_common_multiple"],
        ..function(
            [
                "lcm",
                "lcm(number bigint, number bigint) -> bigint",
                "the least common multiple",
                "lcm(4, 6)",
                "12",
            ],
            TWO,
            BIGINT,
            |cells, _| {
                let [left, right] = [bigint_of(cells[0]), bigint_of(cells[1])];
                let divisor = u128::from(common_divisor(cells)).max(1);
                let [left, right] = [left, right].map(|side| u128::from(side.unsigned_abs()));
                bigint_answer(left / divisor * right)
            },
        )
    },
    function(
        [
            "factorial",
            "factorial(number bigint) -> decimal(38,0)",
            "the product of all whole numbers from 1 on; beyond 33: a fault",
            "factorial(20)",
            "2432902008176640000",
        ],
        ONE,
        |_| DataType::Decimal { precision: 38, scale: 0 },
        |cells, _| match bigint_of(cells[0]) {
            ..0 => Err("factorial of a negative number".into()),
            number @ 0..=33 => {
                Ok(Answer::Cell(Cell::Decimal((1..=i128::from(number)).product(), 0)))
            }
            _ => Err("decimal overflow".into()),
        },
    ),
    function(
        [
            "bit_count",
            "bit_count(number bigint) -> bigint",
            "how many of its 64 bits are set",
            "bit_count(7)",
            "3",
        ],
        ONE,
        BIGINT,
        |cells, _| bigint_answer(bigint_of(cells[0]).count_ones()),
    ),
    function(
        [
            "xor",
            "xor(number bigint, number bigint) -> bigint",
            "the bits that are set in one of them only",
            "xor(5, 3)",
            "6",
        ],
        TWO,
        BIGINT,
        |cells, _| bigint_answer(bigint_of(cells[0]) ^ bigint_of(cells[1])),
    ),
    Function {
        required: 2,
        ..function(
            [
                "to_base",
                "to_base(number bigint, base bigint[, length bigint]) -> text",
                "the digits of a number in a base from 2 to 36, with zeros up to a length",
                "to_base(255, 16)",
                "FF",
            ],
            THREE,
            TEXT,
            |cells, out| to_base(cells, out),
        )
    },
];

/// The operator `&`.
pub static BIT_AND: Function =
    operator("&", |cells, _| bigint_answer(bigint_of(cells[0]) & bigint_of(cells[1])));

/// The operator `|`.
pub static BIT_OR: Function =
    operator("|", |cells, _| bigint_answer(bigint_of(cells[0]) | bigint_of(cells[1])));

/// The operator `<<`.
pub static SHIFT_LEFT: Function = operator("<<", |cells, _| {
    let [number, count] = [bigint_of(cells[0]), bigint_of(cells[1])];
    match (number, u32::try_from(count)) {
        (0.., Ok(count @ 0..64)) => bigint_answer(i128::from(number) << count),
        (0, Ok(_)) => bigint_answer(0),
        (0.., _) => Err("a shift is by 0 to 63 bits".into()),
        _ => Err("a negative number cannot be shifted to the left".into()),
    }
});

/// The operator `>>`.
pub static SHIFT_RIGHT: Function = operator(">>", |cells, _| {
    let [number, count] = [bigint_of(cells[0]), bigint_of(cells[1])];
    bigint_answer(match u32::try_from(count) {
        Ok(count @ 0..64) => number >> count,
        _ => 0,
    })
});

/// The operator `~` before a number.
pub static BIT_NOT: Function = Function {
    parameters: ONE,
    required: 1,
    ..operator("~", |cells, _| bigint_answer(!bigint_of(cells[0])))
};

const fn operator(symbol: &'static str, kernel: Kernel) -> Function {
    function([symbol, symbol, "of the bits", symbol, ""], TWO, BIGINT, kernel)
}

const fn function(
    [name, signature, doc, example, result]: [&'static str; 5],
    parameters: &'static [Parameter],
    result_type: ResultType,
    kernel: Kernel,
) -> Function {
    let nulls = "NULL where an argument is NULL";
    Function {
        doc: FunctionDoc { name, family: "number", signature, doc, nulls, example, result },
        aliases: &[],
        parameters,
        required: parameters.len(),
        repeats: false,
        body: Body::Strict(result_type, kernel),
    }
}

/// The divisor of the first two, by Euclid; 0 of two zeros.
fn common_divisor(cells: &[Cell]) -> u64 {
    let mut larger = bigint_of(cells[0]).unsigned_abs();
    let mut smaller = bigint_of(cells[1]).unsigned_abs();
    while smaller != 0 {
        (larger, smaller) = (smaller, larger % smaller);
    }
    larger
}

fn to_base<'a>(cells: &[Cell], out: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    let mut rest =
        u64::try_from(bigint_of(cells[0])).map_err(|_| "to_base of a negative number")?;
    let base = match u64::try_from(bigint_of(cells[1])) {
        Ok(base @ 2..=36) => base,
        _ => return Err("a base is 2 to 36".into()),
    };
    let length = match cells.get(2).map_or(1, |length| bigint_of(*length)) {
        length @ 0..=DIGITS_MAX => usize::try_from(length.max(1)).expect("64 is small"),
        _ => return Err("a length is 0 to 64".into()),
    };
    while rest > 0 || out.len() < length {
        let digit = u32::try_from(rest % base).expect("below 36");
        let digit = char::from_digit(digit, 36).expect("below 36").to_ascii_uppercase();
        out.push(u8::try_from(digit).expect("ASCII"));
        rest /= base;
    }
    out.reverse();
    Ok(Answer::Written)
}
