//! Function calls, and the syntax that stands for one: `EXTRACT`, `SUBSTRING(x FROM a)`, `TRIM(BOTH ...)`.

use super::binder::{Binder, Typed, folded};
use super::names::closest;
use super::types::{Meeting, as_text, coerced};
use crate::expr::aggregate;
use crate::expr::function::{
    self, Body, Function, Parameter, Part, Prepare, PreparedCall, Routine, Special,
};
use crate::expr::node::{Comparison, Node, Value};
use crate::expr::window;
use crate::record::DataType;
use crate::record::text::MICROS_PER_DAY;
use sqlparser::ast::{
    CeilFloorKind, DateTimeField, Expr, FunctionArg, FunctionArgExpr, FunctionArguments,
    TrimWhereField,
};
use std::ops::Range;

impl Binder<'_, '_> {
    /// Everything that is or stands for a call; anything else is not supported.
    pub fn call_syntax(&mut self, ast: &Expr, place: &Range<usize>) -> Option<Node> {
        let no_field = CeilFloorKind::DateTimeField(DateTimeField::NoDateTime);
        match ast {
            Expr::Function(call) => self.written_call(call, place),
            Expr::Extract { field, expr, .. } => {
                let name = field.to_string().to_lowercase().replace('\'', "");
                let part = Value::Text(name.as_bytes().into());
                let part =
                    Typed { node: Node::Constant(part, DataType::Text), place: place.clone() };
                let moment = self.expression(expr);
                self.call("date_part", vec![part, moment?], place)
            }
            Expr::Ceil { expr, field } if *field == no_field => {
                self.call_of("ceil", &[expr], place)
            }
            Expr::Floor { expr, field } if *field == no_field => {
                self.call_of("floor", &[expr], place)
            }
            Expr::Position { expr, r#in } => self.call_of("position", &[r#in, expr], place),
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let one = Expr::value(sqlparser::ast::Value::Number("1".to_string(), false));
                let from = substring_from.as_deref().unwrap_or(&one);
                let mut arguments = vec![&**expr, from];
                arguments.extend(substring_for.as_deref());
                self.call_of("substring", &arguments, place)
            }
            Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut arguments = vec![&**expr, overlay_what, overlay_from];
                arguments.extend(overlay_for.as_deref());
                self.call_of("overlay", &arguments, place)
            }
            Expr::Trim { expr, trim_where, trim_what, trim_characters } => {
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "trim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                let mut arguments = vec![&**expr];
                arguments.extend(trim_what.as_deref());
                arguments.extend(trim_characters.iter().flatten());
                self.call_of(name, &arguments, place)
            }
            Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => {
                self.fail(place, "subqueries are not supported", "")
            }
            Expr::SimilarTo { .. } => self.similar(ast, place),
            Expr::RLike { .. } => {
                let hint = "write status ~ '^paid'";
                self.fail_with_hint(place, "RLIKE and REGEXP are not supported", "", hint)
            }
            _ => self.fail(place, "this kind of expression is not supported", ""),
        }
    }

    fn call_of(&mut self, name: &str, asts: &[&Expr], place: &Range<usize>) -> Option<Node> {
        let arguments: Vec<Option<Typed>> = asts.iter().map(|ast| self.expression(ast)).collect();
        self.call(name, arguments.into_iter().collect::<Option<_>>()?, place)
    }

    /// `name(arguments)` as written.
    fn written_call(
        &mut self,
        call: &sqlparser::ast::Function,
        place: &Range<usize>,
    ) -> Option<Node> {
        let name = call.name.to_string();
        if let Some(node) = self.window_call(&name, call, place) {
            return node;
        }
        if let Some(node) = self.aggregate(&name.to_lowercase(), call, place) {
            return node;
        }
        if call.filter.is_some() || call.over.is_some() || !call.within_group.is_empty() {
            let message = format!("`{name}` takes no FILTER, OVER or WITHIN GROUP");
            return self.fail(place, &message, "");
        }
        let list: &[FunctionArg] = match &call.args {
            FunctionArguments::None => &[],
            FunctionArguments::List(list)
                if list.duplicate_treatment.is_none() && list.clauses.is_empty() =>
            {
                &list.args
            }
            _ => return self.fail(place, &format!("`{name}` takes plain arguments only"), ""),
        };
        // What stands in an unknown function is not looked at: what it would have to be is unknown too.
        let name_place = self.source.range(&call.name);
        let Some(function) = function::find(&name) else {
            return self.unknown_function(&name, &name_place);
        };
        let mut arguments = Vec::new();
        for argument in list {
            arguments.push(match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(ast)) => self.expression(ast),
                _ => self.fail(place, &format!("`{name}` takes plain arguments only"), ""),
            });
        }
        self.build(function, arguments.into_iter().collect::<Option<_>>()?, place)
    }

    /// A call of a known function.
    pub fn call(
        &mut self,
        name: &str,
        arguments: Vec<Typed>,
        place: &Range<usize>,
    ) -> Option<Node> {
        match function::find(name) {
            Some(function) => self.build(function, arguments, place),
            None => self.unknown_function(name, place),
        }
    }

    /// A call of a function with arguments that are looked at here.
    pub fn build(
        &mut self,
        function: &'static Function,
        arguments: Vec<Typed>,
        place: &Range<usize>,
    ) -> Option<Node> {
        let function = Self::of_lists(function, arguments.first());
        let count = arguments.len();
        if count < function.required || (count > function.parameters.len() && !function.repeats) {
            let name = function.doc.name;
            let plural = if count == 1 { "" } else { "s" };
            let message = format!("`{name}` does not take {count} argument{plural}");
            let signature = function.doc.signature;
            return self.fail_with_hint(place, &message, "", &format!("it is {signature}"));
        }
        let mut coerced = Vec::new();
        for (index, argument) in arguments.into_iter().enumerate() {
            let last = function.parameters.len().checked_sub(1)?;
            coerced.push(self.argument(function.parameters[index.min(last)], argument));
        }
        let arguments: Vec<Typed> = coerced.into_iter().collect::<Option<_>>()?;
        let mut arguments = self.unify_lists(function, arguments)?;
        match function.parameters.first() {
            Some(Parameter::Part) => self.check_parts(function, &arguments)?,
            Some(Parameter::HasPart) => {
                let part = Part::parse(function.doc.name)?;
                self.check_part(part, function.doc.name, arguments.first()?)?;
            }
            _ => {}
        }
        // Those that must be of one type are always the last ones.
        let alike = function.parameters.iter().filter(|one| **one == Parameter::Alike).count();
        if alike > 0 {
            let meeting = match function.body {
                Body::Special(Special::Nullif) => Meeting::Comparison,
                Body::Special(_) => Meeting::Choice,
                Body::Strict(..) | Body::Lenient(..) | Body::Prepared(..) => Meeting::Comparison,
            };
            let tail = arguments.split_off(function.parameters.len() - alike);
            arguments.extend(match function.doc.name {
                "list_value" => self.elements(tail)?,
                _ => self.unify(tail, meeting)?,
            });
        }
        match function.body {
            Body::Special(special) => self.special(special, arguments, place),
            Body::Strict(result, _) | Body::Lenient(result, _) => {
                let nodes: Vec<Node> = arguments.into_iter().map(|typed| typed.node).collect();
                let data_type = result(&nodes);
                Some(folded(Node::Call(function, nodes, data_type)))
            }
            Body::Prepared(result, from, prepare) => {
                let routine = self.prepare(function, from, prepare, &arguments)?;
                let nodes: Vec<Node> = arguments.into_iter().map(|typed| typed.node).collect();
                let data_type = result(&nodes);
                let call = PreparedCall { function, routine };
                Some(folded(Node::Prepared(call, nodes, data_type)))
            }
        }
    }

    /// Prepares a call where the arguments that matter are constants other than NULL.
    fn prepare(
        &mut self,
        function: &Function,
        from: &[usize],
        prepare: Prepare,
        arguments: &[Typed],
    ) -> Option<Option<Routine>> {
        let constant = |typed: &Typed| match typed.node.constant() {
            None | Some(Value::Null) => None,
            Some(value) => Some(value.clone()),
        };
        let constants: Vec<Option<Value>> = arguments.iter().map(constant).collect();
        if from.iter().any(|index| constants.get(*index).is_some_and(Option::is_none)) {
            return Some(None);
        }
        let cells: Vec<_> = constants.iter().map(|value| value.as_ref().map(Value::cell)).collect();
        match prepare(&cells) {
            Ok(routine) => Some(Some(routine)),
            Err(flaw) => {
                let place = arguments[flaw.argument].place.clone();
                let message = format!("`{}`: {}", function.doc.name, flaw.reason);
                let detail = if self.is_as_written(&place) { &*flaw.detail } else { "" };
                self.fail(&place, &message, detail)
            }
        }
    }

    /// Whether a part stands in the job file as it is. What was put in for `${NAME}` may be a secret, and all of its
    /// bytes come from one place.
    fn is_as_written(&self, place: &Range<usize>) -> bool {
        let starts = self.text(place).char_indices().map(|(at, _)| place.start + at);
        let offsets: Vec<_> = starts.map(|at| self.source.sql.offsets.get(at)).collect();
        offsets.windows(2).all(|pair| pair[0] < pair[1])
    }

    fn argument(&mut self, parameter: Parameter, typed: Typed) -> Option<Typed> {
        match parameter {
            Parameter::Text => self.coerce(typed, DataType::Text),
            Parameter::AsText => Some(as_text(typed)),
            Parameter::Bigint => self.coerce(typed, DataType::Bigint),
            Parameter::Double => self.coerce(typed, DataType::Double),
            Parameter::Boolean => self.condition(typed),
            Parameter::Timestamp => self.coerce(typed, DataType::Timestamp),
            Parameter::Number => self.number(typed),
            Parameter::Moment => match typed.node.data_type() {
                data_type if data_type.is_moment() => Some(typed),
                _ => self.coerce(typed, DataType::Timestamp),
            },
            Parameter::Temporal | Parameter::HasPart => match typed.node.data_type() {
                data_type if data_type.is_temporal() => Some(typed),
                _ => self.coerce(typed, DataType::Timestamp),
            },
            Parameter::MomentOrTime | Parameter::MomentOrInterval => {
                let extra = match parameter {
                    Parameter::MomentOrTime => DataType::Time,
                    _ => DataType::Interval,
                };
                match typed.node.data_type() {
                    data_type if data_type.is_moment() || data_type == extra => Some(typed),
                    _ => self.coerce(typed, DataType::Timestamp),
                }
            }
            Parameter::TemporalOrBigint => match typed.node.data_type() {
                data_type if data_type.is_temporal() || data_type == DataType::Bigint => {
                    Some(typed)
                }
                _ => self.coerce(typed, DataType::Timestamp),
            },
            Parameter::Format => match typed.node.constant() {
                Some(Value::Text(_) | Value::Null) => self.coerce(typed, DataType::Text),
                _ => self.fail(&typed.place, "the format must be a text in quotes", ""),
            },
            Parameter::Interval => self.coerce(typed, DataType::Interval),
            Parameter::Part => self.part(typed),
            Parameter::Alike => Some(typed),
            Parameter::TextOrBigint => match typed.node.data_type() {
                DataType::Bigint => Some(typed),
                _ => self.coerce(typed, DataType::Text),
            },
            Parameter::Printable => match typed.node.data_type() {
                DataType::Boolean
                | DataType::Bigint
                | DataType::Decimal { .. }
                | DataType::Double => Some(typed),
                _ => Some(as_text(typed)),
            },
            Parameter::Secret => self.secret(typed),
            Parameter::Any => Some(self.settled(typed)),
            Parameter::List => self.any_list(typed),
            Parameter::Numbers => self.numbers(typed),
            Parameter::Booleans => self.booleans(typed),
            Parameter::Element | Parameter::Member => Some(typed),
            Parameter::Document => self.document(typed),
            Parameter::Path => match typed.node.data_type() {
                DataType::Bigint => Some(typed),
                _ => self.coerce(typed, DataType::Text),
            },
        }
    }

    /// A key must be known before the first record; the message shows the job as written, never the value.
    fn secret(&mut self, typed: Typed) -> Option<Typed> {
        let typed = self.coerce(typed, DataType::Text)?;
        let hint = "take it from the environment: '${KEY}'";
        match typed.node.constant() {
            Some(Value::Text(key)) if key.is_empty() => {
                self.fail_with_hint(&typed.place, "the key is empty", "", hint)
            }
            Some(Value::Text(_)) => Some(typed),
            _ => self.fail_with_hint(&typed.place, "the key must be a text in quotes", "", hint),
        }
    }

    /// The name of a part of a date must be known before the first record.
    fn part(&mut self, typed: Typed) -> Option<Typed> {
        let name = match typed.node.constant() {
            Some(Value::Text(name)) => std::str::from_utf8(name).ok(),
            _ => None,
        };
        if name.and_then(Part::parse).is_some() {
            return Some(typed);
        }
        let label = "parts are: year, quarter, month, week, day, dow, isodow, doy, hour, minute, \
                     second, millisecond, epoch, ...";
        match name {
            Some(name) => {
                let message = format!("`{name}` is no part of a date");
                self.fail(&typed.place, &message, label)
            }
            None => self.fail(&typed.place, "the part must be a text in quotes", label),
        }
    }

    /// Whether what follows the name of a part has that part, and goes together.
    fn check_parts(&mut self, function: &Function, arguments: &[Typed]) -> Option<()> {
        let [name, moments @ ..] = arguments else {
            return Some(());
        };
        let (name, part) = match name.node.constant() {
            Some(Value::Text(name)) => {
                let name = std::str::from_utf8(name).ok()?.to_string();
                let part = Part::parse(&name)?;
                (name, part)
            }
            _ => return Some(()),
        };
        for moment in moments {
            let is_truncated = function.parameters.last() == Some(&Parameter::MomentOrInterval);
            // Of an interval, days can be cut to weeks.
            if !(is_truncated && part == Part::Week) {
                self.check_part(part, &name, moment)?;
            }
        }
        let mut kinds = moments.iter().map(|moment| moment.node.data_type().is_moment());
        let first = kinds.next();
        if kinds.any(|kind| Some(kind) != first) {
            let last = moments.last()?;
            let message = "a time and a moment have nothing in common";
            return self.fail(&last.place, message, &format!("this is {}", last.node.data_type()));
        }
        Some(())
    }

    fn check_part(&mut self, part: Part, name: &str, moment: &Typed) -> Option<()> {
        let data_type = moment.node.data_type();
        if part.is_of(data_type) {
            return Some(());
        }
        let message = format!("{} has no {name}", data_type.phrase());
        self.fail(&moment.place, &message, &format!("this is {data_type}"))
    }

    fn special(
        &mut self,
        special: Special,
        mut arguments: Vec<Typed>,
        place: &Range<usize>,
    ) -> Option<Node> {
        let now = self.scope.now_micros;
        match special {
            Special::Coalesce => {
                Some(Node::Coalesce(arguments.into_iter().map(|typed| typed.node).collect()))
            }
            Special::Try => Some(Node::Try(Box::new(arguments.pop()?.node))),
            Special::Nullif => {
                let pair: Vec<Node> = arguments.into_iter().map(|typed| typed.node).collect();
                let value = pair.first()?.clone();
                let null = Node::Constant(Value::Null, value.data_type());
                let pair: [Node; 2] = pair.try_into().ok()?;
                let is_same = folded(Node::Compare(Comparison::Equal, Box::new(pair)));
                Some(Node::Case(vec![(is_same, null)], Box::new(value)))
            }
            Special::If => {
                let otherwise = Box::new(arguments.pop()?.node);
                let then = arguments.pop()?.node;
                let condition = coerced(arguments.pop()?, DataType::Boolean).node;
                Some(Node::Case(vec![(condition, then)], otherwise))
            }
            Special::Arithmetic(operator) => {
                let right = arguments.pop()?;
                self.arithmetic(operator, arguments.pop()?, right)
            }
            Special::ListAggregate => self.list_aggregate(arguments, place),
            Special::JsonObject => self.json_object(arguments, place),
            Special::Now => Some(Node::Constant(Value::Timestamptz(now), DataType::Timestamptz)),
            Special::LocalNow => Some(Node::Constant(Value::Timestamp(now), DataType::Timestamp)),
            Special::CurrentTime => {
                let time = now.rem_euclid(MICROS_PER_DAY);
                Some(Node::Constant(Value::Time(time), DataType::Time))
            }
            Special::CurrentDate => {
                let days = i32::try_from(now.div_euclid(MICROS_PER_DAY)).unwrap_or_default();
                Some(Node::Constant(Value::Date(days), DataType::Date))
            }
        }
    }

    fn unknown_function<T>(&mut self, name: &str, place: &Range<usize>) -> Option<T> {
        let message = format!("unknown function `{name}` in {}", self.scope.context);
        let of_window = self.window.iter().flat_map(|_| window::all().map(|doc| doc.name));
        match closest(name, function::names().chain(aggregate::names()).chain(of_window)) {
            Some(meant) => {
                self.fail_with_hint(place, &message, "", &format!("did you mean `{meant}`?"))
            }
            None => self.fail_with_hint(place, &message, "", "`onward functions` lists them all"),
        }
    }
}
