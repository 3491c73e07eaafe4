//! Order lines as CSV, with the columns and the spread of values of the TPC-H table of that name.

use super::calendar::Days;
use super::random::Random;
use jiff::civil::date;
use std::fmt::Write as _;
use std::io::{self, Write};

const HEADER: &str = "l_orderkey,l_partkey,l_suppkey,l_linenumber,l_quantity,l_extendedprice,l_discount,l_tax,\
                      l_returnflag,l_linestatus,l_shipdate,l_commitdate,l_receiptdate,l_shipinstruct,l_shipmode,l_comment\n";

const INSTRUCTIONS: [&str; 4] = ["DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"];
const MODES: [&str; 7] = ["AIR", "REG AIR", "MAIL", "SHIP", "RAIL", "TRUCK", "FOB"];

/// The first day that an order can have.
const FIRST_DAY: jiff::civil::Date = date(1992, 1, 1);

/// Days from the first one until the one on which the table is looked at, 1995-06-17.
const TODAY: u64 = 1263;

/// Days on which orders come in.
const ORDER_DAYS: u64 = 2255;

/// Writes orders of one to seven lines until there are so many bytes.
pub fn write(output: &mut dyn Write, bytes: u64) -> io::Result<()> {
    let mut random = Random::new(1);
    let days = Days::from(FIRST_DAY, 2600);
    output.write_all(HEADER.as_bytes())?;
    let mut written = HEADER.len() as u64;
    let mut order = 0;
    let mut text = String::new();
    while written < bytes {
        text.clear();
        order += 1;
        let ordered = random.below(ORDER_DAYS);
        for line in 1..=random.within(1, 7) {
            write_line(&mut text, &mut random, &days, Line { order, line, ordered });
        }
        output.write_all(text.as_bytes())?;
        written += text.len() as u64;
    }
    Ok(())
}

/// Which line it is.
#[derive(Clone, Copy)]
struct Line {
    order: u64,
    line: u64,
    /// The day of the order.
    ordered: u64,
}

fn write_line(text: &mut String, random: &mut Random, days: &Days, line: Line) {
    let Line { order, line, ordered } = line;
    // Of 32 order numbers in a row the first eight are used.
    let order = order / 8 * 32 + order % 8;
    let (part, supplier) = (random.within(1, 400_000), random.within(1, 20_000));
    let quantity = random.within(1, 50);
    let price_cents = quantity * (90_000 + part / 10 % 20_001 + part % 1000 * 100);
    let (discount, tax) = (random.below(11), random.below(9));
    let shipped = ordered + random.within(1, 121);
    let committed = ordered + random.within(30, 90);
    let received = shipped + random.within(1, 30);
    let flag = match (received <= TODAY, random.below(2)) {
        (false, _) => "N",
        (true, 0) => "A",
        (true, _) => "R",
    };
    let status = if shipped > TODAY { "O" } else { "F" };
    write!(
        text,
        "{order},{part},{supplier},{line},{quantity},{}.{:02},0.{discount:02},0.{tax:02},{flag},{status},{},{},{},{},{},",
        price_cents / 100,
        price_cents % 100,
        days.day(shipped),
        days.day(committed),
        days.day(received),
        random.one_of(&INSTRUCTIONS),
        random.one_of(&MODES),
    )
    .expect("a string takes everything");
    write_comment(text, random);
    text.push('\n');
}

/// Of a thousand comments, 80 have a comma, 20 a quoted word and 2 a line end in quotes; 50 end in a number.
fn write_comment(text: &mut String, random: &mut Random) {
    let words = random.within(2, 7);
    let kind = random.below(1000);
    if kind < 102 {
        text.push('"');
    }
    random.words(text, words);
    match kind {
        0..80 => {
            text.push_str(", ");
            random.words(text, 2);
        }
        80..100 => {
            text.push_str(" \"\"");
            random.words(text, 1);
            text.push_str("\"\" ");
            random.words(text, 1);
        }
        100..102 => {
            text.push('\n');
            random.words(text, 2);
        }
        102..152 => {
            write!(text, " no. {}-{:04}", random.within(10, 99), random.below(10_000))
                .expect("a string takes everything");
        }
        _ => {}
    }
    if kind < 102 {
        text.push('"');
    }
}
