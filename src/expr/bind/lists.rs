//! Lists: `[1, 2]`, `list[1]`, `list[1:2]`, and lists and values that meet in a call.

use super::binder::{Binder, Typed, folded};
use super::types::{Meeting, coerced};
use crate::expr::function::{self, Function, Parameter};
use crate::expr::node::{Conversion, Node, Value};
use crate::record::{DataType, Element};
use sqlparser::ast::{AccessExpr, Expr, Subscript};
use std::ops::Range;

impl Binder<'_, '_> {
    /// `[a, b]`
    pub fn list(&mut self, elements: &[Expr], place: &Range<usize>) -> Option<Node> {
        let parts: Vec<Option<Typed>> =
            elements.iter().map(|element| self.expression(element)).collect();
        self.call("list_value", parts.into_iter().collect::<Option<_>>()?, place)
    }

    /// The elements of a new list: lists among them become JSON values.
    pub fn elements(&mut self, parts: Vec<Typed>) -> Option<Vec<Typed>> {
        if parts.iter().any(|part| matches!(part.node.data_type(), DataType::List(_))) {
            return parts.into_iter().map(|part| self.document(part)).collect();
        }
        self.unify(parts, Meeting::Choice)
    }

    /// `expression[1]`, `expression[1:2]`: of a list an element or a part, of JSON an element or a member.
    pub fn access(
        &mut self,
        root: &Expr,
        chain: &[AccessExpr],
        place: &Range<usize>,
    ) -> Option<Node> {
        let mut typed = self.expression(root)?;
        for access in chain {
            let node = match access {
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    let name = match typed.node.data_type() {
                        DataType::Json => "json_extract",
                        _ => "list_extract",
                    };
                    let index = self.expression(index)?;
                    self.call(name, vec![typed, index], place)
                }
                AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride }) => {
                    let mut arguments = vec![typed];
                    for (bound, default) in [(lower_bound, 1), (upper_bound, -1)] {
                        arguments.push(self.bound(bound.as_ref(), default, place)?);
                    }
                    if let Some(stride) = stride {
                        arguments.push(self.expression(stride)?);
                    }
                    self.call("list_slice", arguments, place)
                }
                AccessExpr::Dot(_) => {
                    let hint = "take a member out of JSON with x -> 'key'";
                    self.fail_with_hint(place, "only a path has parts with a dot", "", hint)
                }
            };
            typed = Typed { node: folded(node?), place: place.clone() };
        }
        Some(typed.node)
    }

    fn bound(&mut self, ast: Option<&Expr>, default: i64, place: &Range<usize>) -> Option<Typed> {
        match ast {
            Some(ast) => self.expression(ast),
            None => {
                let node = Node::Constant(Value::Bigint(default), DataType::Bigint);
                Some(Typed { node, place: place.clone() })
            }
        }
    }

    /// A part as a list of any type; JSON as a list of JSON values.
    pub fn any_list(&mut self, typed: Typed) -> Option<Typed> {
        match typed.node.data_type() {
            _ if typed.node == Node::Null => Some(typed),
            DataType::List(_) => Some(typed),
            DataType::Json => Some(coerced(typed, DataType::List(Element::Json))),
            other => {
                let message = format!("a list is needed here, not a {other}");
                let label = format!("this is {other}");
                let hint = "write [a, b], or string_split(text, ',')";
                self.fail_with_hint(&typed.place, &message, &label, hint)
            }
        }
    }

    /// A part as a list of numbers: JSON values as doubles.
    pub fn numbers(&mut self, typed: Typed) -> Option<Typed> {
        let list = self.any_list(typed)?;
        match list.node.data_type() {
            _ if is_open(&list.node) => Some(cast_list(list, Element::Bigint)),
            DataType::List(Element::Json) => Some(cast_list(list, Element::Double)),
            DataType::List(element) if element.data_type().is_numeric() => Some(list),
            other => {
                let message = format!("a list of numbers is needed here, not {other}");
                self.fail(&list.place, &message, &format!("this is {other}"))
            }
        }
    }

    /// A part as a list of booleans.
    pub fn booleans(&mut self, typed: Typed) -> Option<Typed> {
        let list = self.any_list(typed)?;
        match list.node.data_type() {
            _ if is_open(&list.node) => Some(cast_list(list, Element::Boolean)),
            DataType::List(Element::Json | Element::Boolean) => {
                Some(cast_list(list, Element::Boolean))
            }
            other => {
                let message = format!("a list of booleans is needed here, not {other}");
                self.fail(&list.place, &message, &format!("this is {other}"))
            }
        }
    }

    /// Gives the lists of a call, and the values beside them, one type of element.
    pub fn unify_lists(&mut self, function: &Function, parts: Vec<Typed>) -> Option<Vec<Typed>> {
        let parameter = |index: usize| {
            let last = function.parameters.len().checked_sub(1)?;
            function.parameters.get(index.min(last)).copied()
        };
        let mut meeting = Meeting::Choice;
        let mut elements = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let node = match (parameter(index), part.node.data_type()) {
                (Some(Parameter::List), _) if is_open(&part.node) => Node::Null,
                // One value of a list stands for all.
                (Some(Parameter::List), DataType::List(element)) => {
                    Node::Constant(Value::Null, element.data_type())
                }
                (Some(Parameter::Element | Parameter::Member), _) => part.node.clone(),
                _ => continue,
            };
            if parameter(index) == Some(Parameter::Member) {
                meeting = Meeting::Comparison;
            }
            elements.push(Typed { node, place: part.place.clone() });
        }
        if elements.is_empty() {
            return Some(parts);
        }
        let is_open_call = elements.iter().all(|element| element.node == Node::Null);
        let target = match is_open_call {
            true => DataType::Json,
            false => self.common_type(&elements, meeting)?,
        };
        let Some(element) = Element::of(target) else {
            let place = elements.last().map_or(0..0, |last| last.place.clone());
            return self.fail(&place, &format!("a list holds no {target}"), "");
        };
        let mut unified = Vec::new();
        for (index, part) in parts.into_iter().enumerate() {
            unified.push(match parameter(index) {
                Some(Parameter::List) => cast_list(part, element),
                Some(Parameter::Element | Parameter::Member) => self.coerce(part, target)?,
                _ => part,
            });
        }
        Some(unified)
    }

    /// `list_aggregate(list, 'sum')` is `list_sum(list)`.
    pub fn list_aggregate(&mut self, parts: Vec<Typed>, place: &Range<usize>) -> Option<Node> {
        let mut parts = parts.into_iter();
        let (list, name) = (parts.next()?, parts.next()?);
        let known = match name.node.constant() {
            Some(Value::Text(text)) => {
                let text = format!("list_{}", String::from_utf8_lossy(text).to_ascii_lowercase());
                function::find(&text)
            }
            _ => None,
        };
        let known = known.filter(|function| function.doc.name != "list_aggregate");
        let Some(function) = known else {
            let label = "names are: sum, avg, min, max, count, first, last, any_value, bool_and, \
                         bool_or, string_agg";
            return self.fail(&name.place, "no aggregate of lists", label);
        };
        self.build(function, std::iter::once(list).chain(parts).collect(), place)
    }

    /// The function for lists where a name stands for one of texts, too.
    pub fn of_lists(function: &'static Function, first: Option<&Typed>) -> &'static Function {
        let is_list =
            first.is_some_and(|typed| matches!(typed.node.data_type(), DataType::List(_)));
        let name = match function.doc.name {
            "length" => "array_length",
            "contains" => "list_contains",
            "reverse" => "list_reverse",
            "concat" => "list_concat",
            _ => return function,
        };
        function::find(name).filter(|_| is_list).unwrap_or(function)
    }
}

/// Whether a part can be a list of any type: NULL, and the list without elements.
fn is_open(node: &Node) -> bool {
    match node.constant() {
        Some(Value::List(list, Element::Json)) => **list == *b"[]",
        Some(_) => *node == Node::Null,
        None => false,
    }
}

/// A list as one of another type of element.
fn cast_list(typed: Typed, element: Element) -> Typed {
    let target = DataType::List(element);
    match typed.node {
        node if node.data_type() == target => Typed { node, ..typed },
        Node::Null | Node::Constant(Value::Null, _) => {
            Typed { node: Node::Constant(Value::Null, target), ..typed }
        }
        node => {
            let cast = Node::Cast(Conversion::Explicit, Box::new(node), target);
            Typed { node: folded(cast), ..typed }
        }
    }
}
