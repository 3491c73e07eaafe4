//! Operators and the special forms around them.

use super::binder::{Binder, Polarity, Typed, folded};
use super::types::{Meeting, coerced, decimal_of, digits};
use crate::expr::evaluate::like::Pattern;
use crate::expr::function::{self, Function};
use crate::expr::node::{Arithmetic, Comparison, Node, Truth, Value};
use crate::record::DataType;
use sqlparser::ast::{self, BinaryOperator, CaseWhen, Expr};
use std::ops::Range;

impl Binder<'_, '_> {
    /// `a AND b AND c`: the left spine as one chain.
    pub fn chain(&mut self, ast: &Expr, operator: &BinaryOperator) -> Option<Node> {
        let mut parts = Vec::new();
        let mut rest = ast;
        while let Expr::BinaryOp { left, op, right } = rest
            && op == operator
        {
            parts.push(&**right);
            rest = left;
        }
        parts.push(rest);
        let mut operands = Vec::new();
        let mut is_sound = true;
        for part in parts.into_iter().rev() {
            let typed = self.expression(part).and_then(|typed| self.condition(typed));
            is_sound &= typed.is_some();
            operands.extend(typed.map(|typed| typed.node));
        }
        match operator {
            _ if !is_sound => None,
            BinaryOperator::And => Some(Node::And(operands)),
            _ => Some(Node::Or(operands)),
        }
    }

    /// Any operator between two operands except `AND` and `OR`.
    pub fn binary(
        &mut self,
        left: &Expr,
        operator: &BinaryOperator,
        right: &Expr,
        place: &Range<usize>,
    ) -> Option<Node> {
        let (left, right) = (self.expression(left), self.expression(right));
        let (left, right) = (left?, right?);
        let comparison = match operator {
            BinaryOperator::Eq => Comparison::Equal,
            BinaryOperator::NotEq => Comparison::NotEqual,
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::LessOrEqual,
            BinaryOperator::Gt => Comparison::Greater,
            BinaryOperator::GtEq => Comparison::GreaterOrEqual,
            BinaryOperator::Plus => return self.arithmetic(Arithmetic::Add, left, right),
            BinaryOperator::Minus => return self.arithmetic(Arithmetic::Subtract, left, right),
            BinaryOperator::Multiply => return self.arithmetic(Arithmetic::Multiply, left, right),
            BinaryOperator::Divide => return self.arithmetic(Arithmetic::Divide, left, right),
            BinaryOperator::Modulo => return self.arithmetic(Arithmetic::Remainder, left, right),
            BinaryOperator::DuckIntegerDivide => {
                return self.arithmetic(Arithmetic::IntegerDivide, left, right);
            }
            BinaryOperator::StringConcat if is_list(&left) || is_list(&right) => {
                return self.build(&function::LIST_CONCATENATION, vec![left, right], place);
            }
            BinaryOperator::StringConcat => {
                let (left, right) = (self.joined(left), self.joined(right));
                let texts = vec![left?.node, right?.node];
                return Some(Node::Call(&function::CONCATENATION, texts, DataType::Text));
            }
            BinaryOperator::BitwiseAnd => return self.bits(&function::BIT_AND, left, right),
            BinaryOperator::BitwiseOr => return self.bits(&function::BIT_OR, left, right),
            BinaryOperator::PGBitwiseShiftLeft => {
                return self.bits(&function::SHIFT_LEFT, left, right);
            }
            BinaryOperator::PGBitwiseShiftRight => {
                return self.bits(&function::SHIFT_RIGHT, left, right);
            }
            BinaryOperator::Arrow => return self.call("json_extract", vec![left, right], place),
            BinaryOperator::LongArrow => {
                return self.call("json_extract_string", vec![left, right], place);
            }
            BinaryOperator::BitwiseXor => return self.call("power", vec![left, right], place),
            BinaryOperator::PGStartsWith => {
                return self.call("starts_with", vec![left, right], place);
            }
            other => return self.matching(other, left, right, place),
        };
        let pair = self.pair(left, right)?;
        Some(Node::Compare(comparison, Box::new(pair)))
    }

    /// An operator on the bits of two bigints.
    fn bits(&mut self, operator: &'static Function, left: Typed, right: Typed) -> Option<Node> {
        let place = left.place.start..right.place.end;
        self.build(operator, vec![left, right], &place)
    }

    /// `left <operator> right` of numbers, or of dates, times and intervals.
    pub fn arithmetic(&mut self, operator: Arithmetic, left: Typed, right: Typed) -> Option<Node> {
        if let Some(node) = self.temporal(operator, &left, &right) {
            return node;
        }
        let place = left.place.start..right.place.end;
        let has_json = [&left, &right].iter().any(|side| side.node.data_type() == DataType::Json);
        let (left, right) = match operator {
            Arithmetic::IntegerDivide => (self.integer(left), self.integer(right)),
            _ => (self.number(left), self.number(right)),
        };
        let (left, right) = (left?, right?);
        let is_double = has_json && operator != Arithmetic::IntegerDivide
            || operator == Arithmetic::Divide
            || [&left, &right].iter().any(|side| side.node.data_type() == DataType::Double);
        let all_bigint =
            [&left, &right].iter().all(|side| side.node.data_type() == DataType::Bigint);
        if is_double || all_bigint {
            let data_type = if is_double { DataType::Double } else { DataType::Bigint };
            let pair = [coerced(left, data_type).node, coerced(right, data_type).node];
            return Some(Node::Arithmetic(operator, Box::new(pair), data_type));
        }
        self.decimal_arithmetic(operator, left, right, &place)
    }

    /// At least one side is a decimal, the other one a decimal or bigint.
    fn decimal_arithmetic(
        &mut self,
        operator: Arithmetic,
        left: Typed,
        right: Typed,
        place: &Range<usize>,
    ) -> Option<Node> {
        let (Some((left_whole, left_scale)), Some((right_whole, right_scale))) =
            (digits(&left.node), digits(&right.node))
        else {
            return self.fail(place, "a number is needed here", "");
        };
        if operator == Arithmetic::Multiply {
            let scale = left_scale + right_scale;
            if scale > DataType::PRECISION_MAX {
                let message = format!("a product with {scale} digits behind the point");
                let hint = "cast one side to double, or to a decimal of fewer digits";
                return self.fail_with_hint(place, &message, "38 are possible", hint);
            }
            let left = coerced(left, decimal_of(left_whole, left_scale)).node;
            let right = coerced(right, decimal_of(right_whole, right_scale)).node;
            let data_type = decimal_of(left_whole + right_whole, scale);
            return Some(Node::Arithmetic(operator, Box::new([left, right]), data_type));
        }
        let scale = left_scale.max(right_scale);
        let whole = left_whole.max(right_whole);
        let data_type = match operator {
            Arithmetic::Remainder => decimal_of(whole, scale),
            _ => decimal_of(whole + 1, scale),
        };
        let left = coerced(left, decimal_of(left_whole, scale)).node;
        let right = coerced(right, decimal_of(right_whole, scale)).node;
        Some(Node::Arithmetic(operator, Box::new([left, right]), data_type))
    }

    fn integer(&mut self, typed: Typed) -> Option<Typed> {
        match typed.node.data_type() {
            DataType::Decimal { .. } | DataType::Double => {
                let message = format!("`//` divides integers, not a {}", typed.node.data_type());
                self.fail_with_hint(&typed.place, &message, "", "write trunc(a / b)")
            }
            _ => self.coerce(typed, DataType::Bigint),
        }
    }

    /// Two sides of a comparison as values of one type.
    fn pair(&mut self, left: Typed, right: Typed) -> Option<[Node; 2]> {
        let parts = self.unify(vec![left, right], Meeting::Comparison)?;
        let nodes: Vec<Node> = parts.into_iter().map(|part| part.node).collect();
        nodes.try_into().ok()
    }

    /// `IS [NOT] DISTINCT FROM`.
    pub fn distinct(&mut self, is_distinct: bool, left: &Expr, right: &Expr) -> Option<Node> {
        let (left, right) = (self.expression(left), self.expression(right));
        let pair = self.pair(left?, right?)?;
        Some(Node::Distinct(is_distinct, Box::new(pair)))
    }

    /// `IS [NOT] NULL`, `TRUE`, `FALSE`.
    pub fn is(&mut self, truth: Truth, inner: &Expr, polarity: Polarity) -> Option<Node> {
        let typed = self.expression(inner)?;
        let typed = match truth {
            Truth::Null => typed,
            Truth::True | Truth::False => self.condition(typed)?,
        };
        Some(polarity.apply(Node::Is(truth, Box::new(typed.node))))
    }

    /// `IS [NOT] UNKNOWN`: whether a condition is NULL.
    pub fn is_unknown(&mut self, inner: &Expr, polarity: Polarity) -> Option<Node> {
        let typed = self.expression(inner)?;
        let typed = self.condition(typed)?;
        Some(polarity.apply(Node::Is(Truth::Null, Box::new(typed.node))))
    }

    /// `x [NOT] IN (a, b)`.
    pub fn in_list(&mut self, operand: &Expr, list: &[Expr], polarity: Polarity) -> Option<Node> {
        let mut parts = Vec::new();
        for ast in std::iter::once(operand).chain(list) {
            parts.push(self.expression(ast));
        }
        let parts: Option<Vec<Typed>> = parts.into_iter().collect();
        let mut parts = self.unify(parts?, Meeting::Comparison)?.into_iter();
        let operand = Box::new(parts.next()?.node);
        Some(polarity.apply(Node::In(operand, parts.map(|part| part.node).collect())))
    }

    /// `x [NOT] BETWEEN low AND high`: two comparisons.
    pub fn between(
        &mut self,
        operand: &Expr,
        low: &Expr,
        high: &Expr,
        polarity: Polarity,
    ) -> Option<Node> {
        let parts = [operand, low, high].map(|ast| self.expression(ast));
        let parts: Option<Vec<Typed>> = parts.into_iter().collect();
        let parts = self.unify(parts?, Meeting::Comparison)?;
        let [operand, low, high] = <[Typed; 3]>::try_from(parts).ok()?;
        let above = [operand.node.clone(), low.node];
        let below = [operand.node, high.node];
        Some(polarity.apply(Node::And(vec![
            folded(Node::Compare(Comparison::GreaterOrEqual, Box::new(above))),
            folded(Node::Compare(Comparison::LessOrEqual, Box::new(below))),
        ])))
    }

    /// `x [NOT] LIKE pattern [ESCAPE e]` and `ILIKE`.
    pub fn like(&mut self, ast: &Expr) -> Option<Node> {
        let (Expr::Like { negated, any, expr, pattern, escape_char }
        | Expr::ILike { negated, any, expr, pattern, escape_char }) = ast
        else {
            return None;
        };
        let place = self.source.range(&**pattern);
        if *any {
            let hint = "write LIKE once for each pattern, with OR between";
            return self.fail_with_hint(&place, "LIKE ANY is not supported", "", hint);
        }
        let ignores_case = matches!(ast, Expr::ILike { .. });
        let escape = match escape_char {
            None => None,
            Some(escape) => Some(self.escape(escape)?),
        };
        let (text, pattern) = (self.expression(expr), self.expression(pattern));
        let text = text.and_then(|text| self.coerce(text, DataType::Text));
        let pattern = pattern.and_then(|pattern| self.coerce(pattern, DataType::Text));
        let (text, pattern) = (text?.node, pattern?.node);
        let node = match &pattern {
            Node::Constant(Value::Text(bytes), _) => {
                let compiled = Pattern::new(&String::from_utf8_lossy(bytes), escape, ignores_case);
                match compiled {
                    Some(compiled) => Node::Like(compiled, Box::new(text)),
                    None => {
                        let message = "the pattern ends with its escape character";
                        return self.fail(&place, message, "");
                    }
                }
            }
            _ => Node::LikeComputed(Box::new([text, pattern]), escape, ignores_case),
        };
        Some(Polarity::of(*negated).apply(folded(node)))
    }

    fn escape(&mut self, ast: &Expr) -> Option<char> {
        if let Expr::Value(value) = ast
            && let ast::Value::SingleQuotedString(text) = &value.value
        {
            let mut characters = text.chars();
            if let (Some(escape), None) = (characters.next(), characters.next()) {
                return Some(escape);
            }
        }
        let place = self.source.range(ast);
        self.fail(&place, "ESCAPE needs one character: ESCAPE '!'", "")
    }

    /// `CASE`, with or without an operand.
    pub fn case(
        &mut self,
        operand: Option<&Expr>,
        branches: &[CaseWhen],
        otherwise: Option<&Expr>,
        place: &Range<usize>,
    ) -> Option<Node> {
        let operand = match operand {
            None => None,
            Some(ast) => Some(self.expression(ast)?),
        };
        let (mut conditions, mut results) = (Vec::new(), Vec::new());
        for branch in branches {
            let condition = self.expression(&branch.condition);
            let condition = match (&operand, condition) {
                (_, None) => None,
                (None, Some(condition)) => self.condition(condition).map(|typed| typed.node),
                (Some(operand), Some(value)) => self
                    .pair(operand.clone(), value)
                    .map(|pair| folded(Node::Compare(Comparison::Equal, Box::new(pair)))),
            };
            conditions.push(condition);
            results.push(self.expression(&branch.result));
        }
        results.push(match otherwise {
            Some(ast) => self.expression(ast),
            None => Some(Typed { node: Node::Null, place: place.clone() }),
        });
        let results: Option<Vec<Typed>> = results.into_iter().collect();
        let conditions: Option<Vec<Node>> = conditions.into_iter().collect();
        let mut results = self.unify(results?, Meeting::Choice)?;
        let otherwise = Box::new(results.pop()?.node);
        let results = results.into_iter().map(|result| result.node);
        Some(Node::Case(conditions?.into_iter().zip(results).collect(), otherwise))
    }
}

fn is_list(typed: &Typed) -> bool {
    matches!(typed.node.data_type(), DataType::List(_))
}
