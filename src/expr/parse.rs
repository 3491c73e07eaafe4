//! SQL text to syntax tree: the dialect, and where in the text each part stands. Nothing is resolved here.
//!
//! The dialect is what DuckDB and PostgreSQL agree on. A reserved word is never taken for a column, and an expression
//! ends where its text ends.

use super::words::{self, CONSTANTS, RESERVED};
use crate::error::{Diagnostic, Sql};
use sqlparser::ast::{
    BinaryOperator, Expr, Function, OrderByExpr, SelectItem, Spanned, UnaryOperator,
};
use sqlparser::dialect::{Dialect, DuckDbDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, Tokenizer};
use std::any::TypeId;
use std::ops::Range;

/// The longest expression: keeps trees of chained operators within the stack.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The most names and operators: a chain of them nests to the left, one level each.
const PARTS_MAX: usize = 1_000;

/// How deep parentheses, calls and the like may nest.
const NESTING_MAX: usize = 50;

/// Binds tighter than comparisons and looser than `+`.
const CONCATENATION: u8 = 25;

/// `^` binds tighter than `*`.
const POWER: u8 = 42;

/// A minus before an operand binds tighter still.
const MINUS: u8 = 43;

/// A text on its way through parsing and binding; finds places.
pub struct Source<'s> {
    /// The text.
    pub sql: &'s Sql,
}

/// The dialect.
#[derive(Debug)]
struct Onward;

impl Dialect for Onward {
    /// The parser knows `//` for DuckDB only.
    fn dialect(&self) -> TypeId {
        TypeId::of::<DuckDbDialect>()
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '$'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    /// Words that begin an expression are not names when that expression is broken: its own error is the better one.
    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        matches!(keyword, Keyword::CASE | Keyword::CAST | Keyword::EXTRACT | Keyword::INTERVAL)
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    fn supports_select_wildcard_replace(&self) -> bool {
        true
    }

    fn supports_select_wildcard_rename(&self) -> bool {
        true
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let next = parser.peek_token_ref();
        let (op, precedence) = match next.token {
            Token::Minus => (UnaryOperator::Minus, MINUS),
            Token::Tilde => (UnaryOperator::BitwiseNot, CONCATENATION),
            _ => return self.parse_word(parser),
        };
        parser.advance_token();
        let operand = parser.parse_subexpr(precedence);
        Some(operand.map(|operand| Expr::UnaryOp { op, expr: Box::new(operand) }))
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        match parser.peek_token_ref().token {
            Token::StringConcat => Some(Ok(CONCATENATION)),
            Token::Caret => Some(Ok(POWER)),
            Token::Mul if is_power(parser) => Some(Ok(POWER)),
            Token::CaretAt => Some(Ok(CONCATENATION)),
            _ => None,
        }
    }

    /// `a ** b`, the other way to write `a ^ b`; and `a ^@ b`.
    fn parse_infix(
        &self,
        parser: &mut Parser,
        left: &Expr,
        _precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        let (op, tokens, precedence) = match parser.peek_token_ref().token {
            Token::Mul if is_power(parser) => (BinaryOperator::BitwiseXor, 2, POWER),
            Token::CaretAt => (BinaryOperator::PGStartsWith, 1, CONCATENATION),
            _ => return None,
        };
        (0..tokens).for_each(|_| parser.advance_token());
        let left = Box::new(left.clone());
        let right = parser.parse_subexpr(precedence);
        Some(right.map(|right| Expr::BinaryOp { left, op, right: Box::new(right) }))
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        match precedence {
            Precedence::Period => 100,
            Precedence::DoubleColon => 50,
            Precedence::AtTz => 41,
            Precedence::MulDivModOp => 40,
            Precedence::PlusMinus => 30,
            Precedence::Xor
            | Precedence::Ampersand
            | Precedence::Caret
            | Precedence::Pipe
            | Precedence::Colon
            | Precedence::PgOther => CONCATENATION,
            Precedence::Between | Precedence::Like => 21,
            Precedence::Eq => 20,
            Precedence::Is => 17,
            Precedence::UnaryNot => 15,
            Precedence::And => 10,
            Precedence::Or => 5,
        }
    }
}

impl Onward {
    /// A word at the start of an operand, where it is not what the parser takes it for.
    fn parse_word(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let next = parser.peek_token_ref();
        let Token::Word(word) = &next.token else {
            return None;
        };
        if word.quote_style.is_some() {
            return None;
        }
        let is_called = parser.peek_nth_token_ref(1).token == Token::LParen;
        if RESERVED.contains(&word.keyword) && !(is_called && word.keyword == Keyword::XOR) {
            return Some(parser.expected_ref("an expression", next));
        }
        let is_name =
            !CONSTANTS.contains(&word.keyword) && ends_operand(&parser.peek_nth_token_ref(1).token);
        is_name.then(|| parser.parse_identifier().map(Expr::Identifier))
    }
}

impl<'s> Source<'s> {
    /// The whole text as one expression.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "a path names the method for one lifetime only"
    )]
    pub fn expression(&self) -> Result<Expr, Diagnostic> {
        self.parse(|parser| parser.parse_expr())
    }

    /// The whole text as one select-list item.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "a path names the method for one lifetime only"
    )]
    pub fn item(&self) -> Result<SelectItem, Diagnostic> {
        self.parse(|parser| parser.parse_select_item())
    }

    /// The whole text as one item of an ORDER BY.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "a path names the method for one lifetime only"
    )]
    pub fn order_item(&self) -> Result<OrderByExpr, Diagnostic> {
        self.parse(|parser| parser.parse_order_by_expr())
    }

    /// Where a part of the tree stands in the text.
    pub fn range(&self, part: &impl Spanned) -> Range<usize> {
        let Span { start, end } = part.span();
        if start.line == 0 || end.line == 0 {
            return 0..self.sql.text.len();
        }
        let start = self.offset(start);
        self.closed(start..self.offset(end).max(start))
    }

    /// Where an expression stands. A chain of operators is followed with a loop: it may be deep.
    pub fn expression_range(&self, ast: &Expr) -> Range<usize> {
        let mut first = ast;
        while let Expr::BinaryOp { left, .. } = first {
            first = left;
        }
        match ast {
            Expr::BinaryOp { right, .. } => {
                let start = self.expression_range(first).start;
                self.closed(start..self.expression_range(right).end)
            }
            Expr::Function(call) => self.call_range(call),
            _ => self.range(ast),
        }
    }

    /// Where a call stands; the tree does not know the `(*)` of `count(*)`.
    fn call_range(&self, call: &Function) -> Range<usize> {
        let range = self.range(call);
        let rest = &self.sql.text[range.end..];
        match rest.trim_start().starts_with('(') {
            true => range.start..range.end + rest.find(')').map_or(0, |at| at + 1),
            false => range,
        }
    }

    /// A range with the brackets that it opens: the tree does not know where they close.
    fn closed(&self, mut range: Range<usize>) -> Range<usize> {
        let text = &self.sql.text;
        loop {
            let opened = text[range.clone()].chars().fold(Vec::new(), |mut opened, sign| {
                match sign {
                    '(' => opened.push(')'),
                    '[' => opened.push(']'),
                    _ if opened.last() == Some(&sign) => opened.truncate(opened.len() - 1),
                    _ => {}
                }
                opened
            });
            let rest = text[range.end..].trim_start();
            match opened.last() {
                Some(closing) if rest.starts_with(*closing) => {
                    range.end = text.len() - rest.len() + 1;
                }
                _ => return range,
            }
        }
    }

    /// A problem at a part of the text.
    pub fn diagnostic(&self, range: &Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(self.sql.place(range.clone()), message)
    }

    fn parse<T>(
        &self,
        parse: impl FnOnce(&mut Parser) -> Result<T, ParserError>,
    ) -> Result<T, Diagnostic> {
        let text = &self.sql.text;
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("expression of more than {TEXT_BYTES_MAX} bytes");
            return Err(Diagnostic::at(self.sql.whole(), message));
        }
        if text.trim().is_empty() {
            return Err(Diagnostic::at(self.sql.whole(), "empty expression"));
        }
        let tokens = Tokenizer::new(&Onward, text).tokenize_with_location();
        let tokens = tokens.map_err(|error| {
            self.at_location(
                words::unclosed(&error.message).unwrap_or(&error.message),
                error.location,
            )
        })?;
        if tokens.iter().filter(|token| deepens(&token.token)).count() > PARTS_MAX {
            let message = format!("expression of more than {PARTS_MAX} names and operators");
            return Err(Diagnostic::at(self.sql.whole(), message));
        }
        let mut parser = Parser::new(&Onward)
            .with_recursion_limit(NESTING_MAX)
            .with_tokens_with_locations(tokens);
        let tree = parse(&mut parser).map_err(|error| self.syntax_error(&error))?;
        let next = parser.peek_token_ref();
        if next.token == Token::EOF {
            return Ok(tree);
        }
        let message = format!("expected an operator or the end, found `{}`", next.token);
        Err(words::with_hint(self.at_location(&message, next.span.start), &next.token.to_string()))
    }

    fn syntax_error(&self, error: &ParserError) -> Diagnostic {
        let message = match error {
            ParserError::RecursionLimitExceeded => {
                let message = format!("expression nested more than {NESTING_MAX} levels deep");
                return Diagnostic::at(self.sql.whole(), message);
            }
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
        };
        // The parser tells the place in its message only.
        let (message, place) = message.rsplit_once(" at Line: ").unwrap_or((message, "unknown"));
        let location = place.split_once(", Column: ").and_then(|(line, column)| {
            Some(Location::new(line.parse().ok()?, column.trim().parse().ok()?))
        });
        let mut unexpected = "";
        let message =
            match message.strip_prefix("Expected: ").and_then(|m| m.split_once(", found: ")) {
                Some((expected, "EOF")) => format!("expected {expected} at the end"),
                Some((expected, found)) => {
                    unexpected = found;
                    format!("expected {expected}, found `{found}`")
                }
                None if message.starts_with("No infix parser") => {
                    unexpected = if message.ends_with("Overlap") { "&&" } else { "" };
                    "unknown operator".to_string()
                }
                None => message.to_string(),
            };
        match location {
            Some(location) => words::with_hint(self.at_location(&message, location), unexpected),
            None => {
                let end = self.sql.text.len();
                self.diagnostic(&(end..end), format!("not an SQL expression: {message}"))
            }
        }
    }

    /// A problem at the word or sign that starts at a location.
    fn at_location(&self, message: &str, location: Location) -> Diagnostic {
        let start = self.offset(location);
        let rest = &self.sql.text[start..];
        let is_word = |ch: &char| ch.is_alphanumeric() || *ch == '_';
        let word: usize = rest.chars().take_while(is_word).map(char::len_utf8).sum();
        let sign = rest.chars().next().map_or(0, char::len_utf8);
        let range = start..start + word.max(sign);
        self.diagnostic(&range, format!("not an SQL expression: {message}"))
    }

    /// The byte at a line and column, both counted in characters from 1.
    fn offset(&self, location: Location) -> usize {
        let text = &self.sql.text;
        let mut line_start = 0;
        for _ in 1..location.line {
            line_start += text[line_start..].find('\n').map_or(0, |at| at + 1);
        }
        let column = usize::try_from(location.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let rest = &text[line_start..];
        line_start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
    }
}

/// Whether the next two tokens are the operator `**`.
fn is_power(parser: &Parser) -> bool {
    let [first, second] = [0, 1].map(|nth| parser.peek_nth_token_ref(nth));
    first.token == Token::Mul && second.token == Token::Mul && first.span.end == second.span.start
}

/// Whether a token stands behind an operand: so the word before it is a name, `interval` in `interval > 5` too.
fn ends_operand(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            let infix = [
                Keyword::NOT,
                Keyword::FOR,
                Keyword::ESCAPE,
                Keyword::ASC,
                Keyword::DESC,
                Keyword::NULLS,
                Keyword::AT,
                Keyword::SIMILAR,
            ];
            RESERVED.contains(&word.keyword) || infix.contains(&word.keyword)
        }
        Token::LParen | Token::LBracket | Token::SingleQuotedString(_) | Token::Number(..) => false,
        _ => true,
    }
}

/// Whether a token can make the tree deeper; long lists of literals cannot.
fn deepens(token: &Token) -> bool {
    !matches!(
        token,
        Token::Whitespace(_)
            | Token::Comma
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::EOF
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, message: &str, place: &str) {
        let sql = Sql::unplaced(text);
        let error = Source { sql: &sql }.expression().expect_err(text);
        assert_eq!(error.message, format!("not an SQL expression: {message}"));
        assert_eq!(&text[error.place.expect("a place")], place);
    }

    #[test]
    fn syntax_errors_point_at_the_word() {
        check("amount > AND 3", "expected an expression, found `AND`", "AND");
        check("a = 1 b", "expected an operator or the end, found `b`", "b");
        check("(a = 1", "expected ) at the end", "");
        check("a +", "expected an expression at the end", "");
        check("a =\n  'x' )", "expected an operator or the end, found `)`", ")");
        check("a = 'x", "a text without its closing `'`", "'");
        check("CASE WHEN a THEN 1", "expected END at the end", "");
    }

    #[test]
    fn nesting_is_bounded() {
        let sql = Sql::unplaced(format!("{}1{}", "(".repeat(500), ")".repeat(500)));
        let error = Source { sql: &sql }.expression().expect_err("too deep");
        assert_eq!(error.message, "expression nested more than 50 levels deep");
    }

    #[test]
    fn chains_are_bounded_but_lists_are_not() {
        let chain = Sql::unplaced(format!("1{}", " + 1".repeat(1_000)));
        assert!(Source { sql: &chain }.expression().is_ok());
        let chain = Sql::unplaced(format!("1{}", " + 1".repeat(1_001)));
        let error = Source { sql: &chain }.expression().expect_err("too long");
        assert_eq!(error.message, "expression of more than 1000 names and operators");
        let list = Sql::unplaced(format!("a IN (1{})", ", 1".repeat(10_000)));
        assert!(Source { sql: &list }.expression().is_ok());
    }
}
