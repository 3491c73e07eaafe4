//! The two kinds of templates, read into literal texts and places of values.

use super::spec::{Align, Count, Dialect, Spec};

const NOT_A_FORMAT: &str = "not a format";
const NO_ARGUMENT: &str = "the template asks for more values than there are";
const MIXED: &str = "values are either numbered or not";

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it is.
    Literal(String),
    /// The value of that index, from 0, and how it is written.
    Value(usize, Spec),
}

/// A template of `format`, for so many values.
///
/// # Errors
/// What is wrong with it.
pub fn braces(template: &str, values: usize) -> Result<Vec<Piece>, &'static str> {
    let mut reader = Reader::new(template, values);
    let mut pieces = Vec::new();
    let mut literal = String::new();
    while let Some(character) = reader.next() {
        match character {
            '{' | '}' if reader.take(character) => literal.push(character),
            '{' => {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                pieces.push(reader.field()?);
            }
            '}' => return Err("a } without its {; write }} for the character"),
            _ => literal.push(character),
        }
    }
    pieces.push(Piece::Literal(literal));
    Ok(pieces)
}

/// A template of `printf`, for so many values.
///
/// # Errors
/// What is wrong with it.
pub fn percents(template: &str, values: usize) -> Result<Vec<Piece>, &'static str> {
    let mut reader = Reader::new(template, values);
    let mut pieces = Vec::new();
    let mut literal = String::new();
    while let Some(character) = reader.next() {
        match character {
            '%' if reader.take('%') => literal.push('%'),
            '%' => {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                pieces.push(reader.conversion()?);
            }
            _ => literal.push(character),
        }
    }
    pieces.push(Piece::Literal(literal));
    Ok(pieces)
}

/// How values are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counting {
    Undecided,
    Automatic,
    Numbered,
}

struct Reader<'t> {
    rest: &'t str,
    values: usize,
    following: usize,
    counting: Counting,
}

impl<'t> Reader<'t> {
    fn new(template: &'t str, values: usize) -> Reader<'t> {
        Reader { rest: template, values, following: 0, counting: Counting::Undecided }
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.rest = &self.rest[character.len_utf8()..];
        Some(character)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self, character: char) -> bool {
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_one_of(&mut self, characters: &str) -> Option<char> {
        let character = self.peek().filter(|c| characters.contains(*c))?;
        self.next().inspect(|taken| debug_assert_eq!(*taken, character))
    }

    /// Digits, where there are some; a number too big for any use stays too big.
    fn number(&mut self) -> Option<usize> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits = &self.rest[..length];
        self.rest = &self.rest[length..];
        (length > 0).then(|| digits.parse().unwrap_or(usize::MAX))
    }

    /// The value of that number, or else the next one.
    fn value(&mut self, number: Option<usize>) -> Result<usize, &'static str> {
        let counting = if number.is_some() { Counting::Numbered } else { Counting::Automatic };
        if self.counting != Counting::Undecided && self.counting != counting {
            return Err(MIXED);
        }
        self.counting = counting;
        let index = number.unwrap_or(self.following);
        self.following += usize::from(number.is_none());
        if index < self.values { Ok(index) } else { Err(NO_ARGUMENT) }
    }

    /// What stands behind `{`, through its `}`.
    fn field(&mut self) -> Result<Piece, &'static str> {
        let number = self.number();
        let index = self.value(number)?;
        let mut spec = Spec::new(Dialect::Braces);
        if self.take(':') {
            self.spec(&mut spec)?;
        }
        match self.take('}') {
            true => Ok(Piece::Value(index, spec)),
            false => Err(NOT_A_FORMAT),
        }
    }

    /// `[separator][[fill]align][sign][#][0][width][separator][.precision][type]`
    fn spec(&mut self, spec: &mut Spec) -> Result<(), &'static str> {
        self.thousands(spec);
        let mut ahead = self.rest.chars();
        let (first, second) = (ahead.next(), ahead.next());
        if let (Some(fill), Some(align)) =
            (first.filter(|c| !"{}".contains(*c)), second.and_then(align_of))
        {
            spec.fill = fill;
            spec.align = Some(align);
            self.next();
            self.next();
        } else if let Some(align) = first.and_then(align_of) {
            spec.align = Some(align);
            self.next();
        }
        spec.sign = self.take_one_of("+- ").filter(|sign| *sign != '-');
        spec.is_alternate = self.take('#');
        if self.take('0') {
            (spec.fill, spec.align) = ('0', Some(Align::AfterSign));
        }
        spec.width = self.count()?;
        self.thousands(spec);
        if self.take('.') {
            spec.precision = Some(self.count()?.ok_or("a point without its precision")?);
        }
        spec.kind = self.take_one_of("dnxXobBeEfFgGs");
        spec.check()
    }

    /// One of `,`, `_` and `'`, or `t` and any character.
    fn thousands(&mut self, spec: &mut Spec) {
        if let Some(separator) = self.take_one_of(",_'") {
            spec.thousands = Some(separator);
        } else if self.rest.chars().nth(1).is_some_and(|c| c != '}') && self.take('t') {
            spec.thousands = self.next();
        }
    }

    /// A number, or `{}` or `{1}` for a value.
    fn count(&mut self) -> Result<Option<Count>, &'static str> {
        if !self.take('{') {
            return Ok(self.number().map(Count::Fixed));
        }
        let number = self.number();
        let index = self.value(number)?;
        if self.take('}') { Ok(Some(Count::Argument(index))) } else { Err(NOT_A_FORMAT) }
    }

    /// What stands behind `%`: `[number$][flags][width][.precision][length]type`
    fn conversion(&mut self) -> Result<Piece, &'static str> {
        let mut spec = Spec::new(Dialect::Percents);
        let start = self.rest;
        let number = match self.number() {
            Some(number) if self.take('$') => Some(number.checked_sub(1).ok_or(NO_ARGUMENT)?),
            _ => {
                self.rest = start;
                None
            }
        };
        while let Some(flag) = self.take_one_of("-+ 0#,_'") {
            match flag {
                '-' => spec.align = Some(Align::Left),
                '+' => spec.sign = Some('+'),
                ' ' => spec.sign = spec.sign.or(Some(' ')),
                '0' if spec.align.is_none() => {
                    (spec.fill, spec.align) = ('0', Some(Align::AfterSign));
                }
                '0' => {}
                '#' => spec.is_alternate = true,
                separator => spec.thousands = Some(separator),
            }
        }
        if spec.align == Some(Align::Left) {
            spec.fill = ' ';
        }
        spec.width = self.starred()?;
        if self.take('.') {
            spec.precision = Some(self.starred()?.unwrap_or(Count::Fixed(0)));
        }
        while self.take_one_of("hljztL").is_some() {}
        spec.kind = self.take_one_of("diuxXobceEfFgGs");
        spec.check()?;
        match spec.kind {
            None => Err("a % without its conversion; write %% for the character"),
            Some(_) => Ok(Piece::Value(self.value(number)?, spec)),
        }
    }

    /// A number, or `*` for the next value.
    fn starred(&mut self) -> Result<Option<Count>, &'static str> {
        match self.take('*') {
            true => Ok(Some(Count::Argument(self.value(None)?))),
            false => Ok(self.number().map(Count::Fixed)),
        }
    }
}

fn align_of(character: char) -> Option<Align> {
    match character {
        '<' => Some(Align::Left),
        '>' => Some(Align::Right),
        '^' => Some(Align::Center),
        '=' => Some(Align::AfterSign),
        _ => None,
    }
}
