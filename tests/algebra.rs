//! Laws of the expression language over random values: three-valued logic, exact decimals, conversions there and back,
//! order, and that no row's result depends on its neighbours.

mod table;

use num_bigint::BigInt;
use onward::record::{Column, DataType, Values};
use onward::state::Keys;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::sync::Arc;
use table::{KINDS, Table, any_column, any_column_of, column};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_240_517),
        ..ProptestConfig::with_cases(cases)
    }
}

/// A condition over the booleans a, b, c and the bigint z.
#[derive(Debug, Clone)]
enum Condition {
    Column(usize),
    Constant(Option<bool>),
    /// Fails where z is 0.
    Fragile,
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Equal(Box<Condition>, Box<Condition>),
    IsNull(Box<Condition>),
    IsTrue(Box<Condition>),
    Coalesce(Box<Condition>, Box<Condition>),
    Case(Box<Condition>, Box<Condition>, Box<Condition>),
    Try(Box<Condition>),
}

/// What a row holds: a, b, c, and whether z is 0.
type Row = ([Option<bool>; 3], bool);

/// A value, NULL, or a fault.
type Outcome = Result<Option<bool>, ()>;

impl Condition {
    fn sql(&self) -> String {
        match self {
            Condition::Column(index) => ["a", "b", "c"][*index].to_string(),
            Condition::Constant(None) => "CAST(NULL AS boolean)".to_string(),
            Condition::Constant(Some(value)) => value.to_string(),
            Condition::Fragile => "(1 // z = 1)".to_string(),
            Condition::Not(inner) => format!("(NOT {})", inner.sql()),
            Condition::And(left, right) => format!("({} AND {})", left.sql(), right.sql()),
            Condition::Or(left, right) => format!("({} OR {})", left.sql(), right.sql()),
            Condition::Equal(left, right) => format!("({} = {})", left.sql(), right.sql()),
            Condition::IsNull(inner) => format!("({} IS NULL)", inner.sql()),
            Condition::IsTrue(inner) => format!("({} IS TRUE)", inner.sql()),
            Condition::Coalesce(left, right) => {
                format!("coalesce({}, {})", left.sql(), right.sql())
            }
            Condition::Case(when, then, otherwise) => {
                let (when, then, otherwise) = (when.sql(), then.sql(), otherwise.sql());
                format!("CASE WHEN {when} THEN {then} ELSE {otherwise} END")
            }
            Condition::Try(inner) => format!("TRY({})", inner.sql()),
        }
    }

    /// By the truth tables, from left to right, looking at no more than is needed.
    fn outcome(&self, row: &Row) -> Outcome {
        match self {
            Condition::Column(index) => Ok(row.0[*index]),
            Condition::Constant(value) => Ok(*value),
            Condition::Fragile => {
                if row.1 {
                    Err(())
                } else {
                    Ok(Some(true))
                }
            }
            Condition::Not(inner) => Ok(inner.outcome(row)?.map(|value| !value)),
            Condition::And(left, right) => match left.outcome(row)? {
                Some(false) => Ok(Some(false)),
                Some(true) => right.outcome(row),
                None => Ok(right.outcome(row)?.filter(|value| !value)),
            },
            Condition::Or(left, right) => match left.outcome(row)? {
                Some(true) => Ok(Some(true)),
                Some(false) => right.outcome(row),
                None => Ok(right.outcome(row)?.filter(|value| *value)),
            },
            Condition::Equal(left, right) => {
                let (left, right) = (left.outcome(row)?, right.outcome(row)?);
                Ok(left.zip(right).map(|(left, right)| left == right))
            }
            Condition::IsNull(inner) => Ok(Some(inner.outcome(row)?.is_none())),
            Condition::IsTrue(inner) => Ok(Some(inner.outcome(row)? == Some(true))),
            Condition::Coalesce(left, right) => match left.outcome(row)? {
                Some(value) => Ok(Some(value)),
                None => right.outcome(row),
            },
            Condition::Case(when, then, otherwise) => match when.outcome(row)? {
                Some(true) => then.outcome(row),
                _ => otherwise.outcome(row),
            },
            Condition::Try(inner) => Ok(inner.outcome(row).unwrap_or(None)),
        }
    }
}

fn conditions() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        4 => (0..3_usize).prop_map(Condition::Column),
        1 => prop::option::of(any::<bool>()).prop_map(Condition::Constant),
        2 => Just(Condition::Fragile),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let one = inner.prop_map(Box::new);
        let two = (one.clone(), one.clone());
        prop_oneof![
            one.clone().prop_map(Condition::Not),
            two.clone().prop_map(|(left, right)| Condition::And(left, right)),
            two.clone().prop_map(|(left, right)| Condition::Or(left, right)),
            two.clone().prop_map(|(left, right)| Condition::Equal(left, right)),
            one.clone().prop_map(Condition::IsNull),
            one.clone().prop_map(Condition::IsTrue),
            two.prop_map(|(left, right)| Condition::Coalesce(left, right)),
            (one.clone(), one.clone(), one.clone())
                .prop_map(|(when, then, otherwise)| Condition::Case(when, then, otherwise)),
            one.prop_map(Condition::Try),
        ]
    })
}

/// Every combination of truth values, with z = 0 and z = 1.
fn all_rows() -> Vec<Row> {
    let truths = [Some(true), Some(false), None];
    let mut rows = Vec::new();
    for a in truths {
        for b in truths {
            for c in truths {
                rows.extend([true, false].map(|is_zero| ([a, b, c], is_zero)));
            }
        }
    }
    rows
}

fn logic_table(rows: &[Row]) -> Table {
    let mut table = Table::default();
    for (index, name) in ["a", "b", "c"].into_iter().enumerate() {
        let values = rows.iter().map(|(truths, _)| truths[index].unwrap_or(true)).collect();
        let nulls: Vec<bool> = rows.iter().map(|(truths, _)| truths[index].is_none()).collect();
        table = table.with(name, column(Values::Boolean(values), &nulls));
    }
    let z = rows.iter().map(|(_, is_zero)| i64::from(!is_zero)).collect();
    table.with("z", column(Values::Bigint(z), &[]))
}

fn decimals() -> impl Strategy<Value = (u8, u8, Vec<i128>)> {
    (1_u8..=38, 0_u8..=12).prop_flat_map(|(precision, scale)| {
        let bound = 10_i128.pow(u32::from(precision)) - 1;
        let units = prop_oneof![-bound..=bound, -bound.min(500)..=bound.min(500)];
        (Just(precision), Just(scale.min(precision)), prop::collection::vec(units, 4))
    })
}

fn power_of_ten(exponent: u8) -> BigInt {
    BigInt::from(10).pow(u32::from(exponent))
}

/// Units of a scale as the text form of the decimal.
fn decimal_text(units: &BigInt, scale: u8) -> String {
    let digits = format!("{:0>1$}", units.magnitude().to_string(), usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if *units < BigInt::ZERO { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}

fn fits(units: &BigInt) -> bool {
    units.magnitude() < power_of_ten(DataType::PRECISION_MAX).magnitude()
}

/// Keys of the values of one column, row by row.
fn keys(column: &Column) -> Vec<Vec<u8>> {
    let rows: Vec<u32> = (0..u32::try_from(column.rows()).expect("few rows")).collect();
    let keys = Keys::of_columns(&[Arc::new(column.clone())], &rows);
    keys.iter().map(|(_, bytes)| bytes.to_vec()).collect()
}

/// Expressions that reach every kernel with a loop of its own.
const EXPRESSIONS: &[&str] = &[
    "n > m",
    "n = 2",
    "n + m",
    "n // m",
    "n % 3 = 0 AND n // m > 0",
    "x * 1.5e0",
    "x / n",
    "x > 0.25e0",
    "d + d",
    "d * d",
    "d >= 1.5",
    "t || '-' || n",
    "t LIKE 'a%'",
    "t ILIKE m || '%'",
    "t IN ('a', 'b')",
    "n IN (1, m, NULL)",
    "n IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)",
    "coalesce(n, 10 // m, 5)",
    "upper(t) = t",
    "CASE WHEN n > 0 THEN 10 // n WHEN m > 0 THEN m END",
    "TRY(CAST(t AS bigint))",
    "CAST(t AS bigint)",
    "n IS DISTINCT FROM m",
    "n BETWEEN m AND 3",
    "substring(t, n, 2)",
    "nullif(n, m)",
    "greatest(n, m, 0)",
    "-n",
    "CAST(x AS bigint)",
    "CAST(d AS double)",
    "round(d, 1)",
    "sqrt(x)",
    "NOT (n > m OR x > 0)",
    "[n, m]",
    "list_sum([n, m])",
    "json_object('n', n, 't', t)",
    "regexp_matches(t, 'a.')",
    "split_part(t, ',', 1)",
    "gcd(n, m)",
    "n & m",
];

fn mixed_table(rows: usize) -> impl Strategy<Value = Table> {
    let small = prop::collection::vec(-4_i64..5, rows);
    let nulls = prop::collection::vec(prop::bool::weighted(0.2), rows);
    let wide = any_column_of(1, rows);
    (wide, small, nulls, any_column_of(2, rows), any_column_of(3, rows), any_column_of(4, rows))
        .prop_map(|(n, m, nulls, d, x, t)| {
            let m = column(Values::Bigint(m), &nulls);
            let table = Table::default().with("n", n).with("m", m);
            table.with("d", d).with("x", x).with("t", t)
        })
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn conditions_follow_the_truth_tables_and_compute_what_is_needed_only(
        condition in conditions(),
    ) {
        let rows = all_rows();
        let expected: Vec<String> = rows
            .iter()
            .map(|row| match condition.outcome(row) {
                Err(()) => "!division by zero".to_string(),
                Ok(None) => "NULL".to_string(),
                Ok(Some(value)) => value.to_string(),
            })
            .collect();
        prop_assert_eq!(logic_table(&rows).texts(&condition.sql()), expected, "{}", condition.sql());
    }

    #[test]
    fn de_morgan_holds(left in conditions(), right in conditions()) {
        let table = logic_table(&all_rows());
        let (left, right) = (left.sql(), right.sql());
        prop_assert_eq!(
            table.texts(&format!("NOT ({left} AND {right})")),
            table.texts(&format!("(NOT {left}) OR (NOT {right})"))
        );
    }

    #[test]
    fn decimals_are_as_exact_as_integers_of_any_size(
        (left_precision, left_scale, left) in decimals(),
        (right_precision, right_scale, right) in decimals(),
    ) {
        let decimal = |units: &Vec<i128>, precision, scale| {
            column(Values::Decimal { units: units.clone(), precision, scale }, &[])
        };
        let table = Table::default()
            .with("a", decimal(&left, left_precision, left_scale))
            .with("b", decimal(&right, right_precision, right_scale));
        let scale = left_scale.max(right_scale);
        for operator in ["+", "-", "*", "%", "<", "="] {
            let texts = table.texts(&format!("a {operator} b"));
            for (row, text) in texts.iter().enumerate() {
                let (a, b) = (BigInt::from(left[row]), BigInt::from(right[row]));
                let wide_a = &a * power_of_ten(scale - left_scale);
                let wide_b = &b * power_of_ten(scale - right_scale);
                let may_fail = !fits(&wide_a) || !fits(&wide_b);
                let (exact, scale) = match operator {
                    "+" => (&wide_a + &wide_b, scale),
                    "-" => (&wide_a - &wide_b, scale),
                    "*" => (&a * &b, left_scale + right_scale),
                    "%" if b == BigInt::ZERO => {
                        prop_assert!(text == "!division by zero" || may_fail);
                        continue;
                    }
                    "%" => (&wide_a % &wide_b, scale),
                    comparison => {
                        let holds = if comparison == "<" { wide_a < wide_b } else { wide_a == wide_b };
                        prop_assert!(*text == holds.to_string() || may_fail, "{text}");
                        continue;
                    }
                };
                let is_overflow = !fits(&exact) || (may_fail && operator != "*");
                match text.strip_prefix('!') {
                    Some(_) => prop_assert!(is_overflow, "{a} {operator} {b}: {text}"),
                    None => prop_assert_eq!(text, &decimal_text(&exact, scale)),
                }
            }
        }
    }

    #[test]
    fn a_decimal_cast_to_fewer_digits_is_the_nearest_one((precision, scale, units) in decimals()) {
        let values = Values::Decimal { units: units.clone(), precision, scale };
        let table = Table::default().with("a", column(values, &[]));
        for kept in 0..scale {
            let texts = table.texts(&format!("CAST(a AS decimal(38,{kept}))"));
            for (unit, text) in units.iter().zip(texts) {
                let power = power_of_ten(scale - kept);
                let half: BigInt = &power / 2;
                let away = if *unit < 0 { -half } else { half };
                let nearest = (BigInt::from(*unit) + away) / power;
                prop_assert_eq!(text, decimal_text(&nearest, kept));
            }
        }
    }

    #[test]
    fn every_value_is_read_back_from_its_text(column in any_column(4)) {
        let data_type = column.data_type();
        let table = Table::default().with("a", column);
        let texts = table.texts(&format!("CAST(CAST(a AS text) AS {data_type}) IS NOT DISTINCT FROM a"));
        prop_assert_eq!(texts, ["true"; 4], "{} {:?}", data_type, table);
    }

    #[test]
    fn values_of_a_type_are_in_one_order_and_equal_ones_are_one_key(
        (a, b, c) in (0..KINDS).prop_flat_map(|kind| {
            (any_column_of(kind, 6), any_column_of(kind, 6), any_column_of(kind, 6))
        }),
    ) {
        let (of_a, of_b) = (keys(&a), keys(&b));
        let table = Table::default().with("a", a).with("b", b).with("c", c);
        let one_of_three = table.texts(
            "CAST(a < b AS bigint) + CAST(a = b AS bigint) + CAST(a > b AS bigint) = 1",
        );
        prop_assert!(!one_of_three.contains(&"false".to_string()));
        let mirrored = table.texts("(a < b) IS NOT DISTINCT FROM (b > a) AND a = a IS NOT FALSE");
        prop_assert_eq!(mirrored, ["true"; 6]);
        let transitive = table.texts("(a <= b AND b <= c AND NOT a <= c) IS TRUE");
        prop_assert_eq!(transitive, ["false"; 6]);
        for (row, text) in table.texts("a IS NOT DISTINCT FROM b").into_iter().enumerate() {
            prop_assert_eq!(text, (of_a[row] == of_b[row]).to_string());
        }
    }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn any_part_of_the_rows_gives_what_all_of_them_give(
        table in mixed_table(24),
        selected in prop::collection::vec(any::<bool>(), 24),
    ) {
        let rows: Vec<u32> =
            (0..24).zip(selected).filter(|(_, is_in)| *is_in).map(|(row, _)| row).collect();
        for sql in EXPRESSIONS {
            let all = table.texts(sql);
            let expected: Vec<String> = rows.iter().map(|row| all[*row as usize].clone()).collect();
            prop_assert_eq!(table.texts_at(sql, &rows), expected, "{}", sql);
            for row in &rows {
                let alone = table.texts_at(sql, &[*row]);
                prop_assert_eq!(&alone[0], &all[*row as usize], "{}", sql);
            }
        }
    }
}
