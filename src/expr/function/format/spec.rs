//! How one value is to be written: `>12,.2f`.

use super::number::Failure;
use crate::expr::evaluate::cell::Cell;

/// The widest field in characters.
const WIDTH_MAX: usize = 1 << 20;

/// The most digits behind a point: no double has more.
const PRECISION_MAX: usize = 1000;

/// On which side a value stands in its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// `<`
    Left,
    /// `>`
    Right,
    /// `^`
    Center,
    /// `=`, or zeros: filled up between sign and digits.
    AfterSign,
}

/// A width or precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// As written.
    Fixed(usize),
    /// From an argument.
    Argument(usize),
}

/// Which of the two functions asks; they differ in little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `format`
    Braces,
    /// `printf`
    Percents,
}

/// How one value is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Whose rules hold.
    pub dialect: Dialect,
    /// What a field is filled up with.
    pub fill: char,
    /// The side; numbers stand at the right otherwise, texts at the left.
    pub align: Option<Align>,
    /// `+` or a space before numbers that are not negative.
    pub sign: Option<char>,
    /// `#`: with `0x` and the like.
    pub is_alternate: bool,
    /// The width of the field in characters.
    pub width: Option<Count>,
    /// What stands between thousands.
    pub thousands: Option<char>,
    /// Digits behind the point, or characters of a text.
    pub precision: Option<Count>,
    /// `d`, `f`, `x` and so on.
    pub kind: Option<char>,
}

impl Spec {
    /// Nothing in particular.
    pub fn new(dialect: Dialect) -> Spec {
        Spec {
            dialect,
            fill: ' ',
            align: None,
            sign: None,
            is_alternate: false,
            width: None,
            thousands: None,
            precision: None,
            kind: None,
        }
    }

    /// With width and precision from the arguments.
    pub fn resolved(&self, arguments: &[Cell]) -> Result<Spec, Failure> {
        let resolve = |count: Option<Count>| match count {
            Some(Count::Argument(index)) => match arguments.get(index) {
                // No width that big is allowed, so a negative one is refused like them.
                Some(Cell::Bigint(value)) => {
                    Ok(Some(Count::Fixed(usize::try_from(*value).unwrap_or(usize::MAX))))
                }
                _ => Err(Failure::from("a width or precision is not a bigint")),
            },
            fixed => Ok(fixed),
        };
        let spec = Spec {
            width: resolve(self.width)?,
            precision: resolve(self.precision)?,
            ..self.clone()
        };
        spec.check()?;
        Ok(spec)
    }

    /// Refuses what is too wide or too precise.
    pub fn check(&self) -> Result<(), &'static str> {
        match (self.width, self.precision) {
            (Some(Count::Fixed(width)), _) if width > WIDTH_MAX => {
                Err("a width is at most 1048576")
            }
            (_, Some(Count::Fixed(precision))) if precision > PRECISION_MAX => {
                Err("a precision is at most 1000")
            }
            _ => Ok(()),
        }
    }

    /// The width, where it is known.
    pub fn fixed_width(&self) -> usize {
        match self.width {
            Some(Count::Fixed(width)) => width,
            _ => 0,
        }
    }

    /// The precision, where there is one.
    pub fn fixed_precision(&self) -> Option<usize> {
        match self.precision {
            Some(Count::Fixed(precision)) => Some(precision),
            _ => None,
        }
    }
}
