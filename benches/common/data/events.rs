//! Events of a code host as JSON lines: nested, of nine types with payloads of their own, with escapes in texts.

use super::calendar::Days;
use super::random::{Random, WORDS};
use jiff::civil::date;
use std::fmt::Write as _;
use std::io::{self, Write};

/// A third of the events are pushes, whose payload alone has a size.
const TYPES: [&str; 12] = [
    "PushEvent",
    "PushEvent",
    "PushEvent",
    "PushEvent",
    "CreateEvent",
    "CreateEvent",
    "PullRequestEvent",
    "IssueCommentEvent",
    "WatchEvent",
    "IssuesEvent",
    "ForkEvent",
    "DeleteEvent",
];

const BRANCHES: [&str; 4] = ["main", "develop", "release", "next"];
const ACTIONS: [&str; 4] = ["opened", "closed", "reopened", "created"];

/// Writes events until there are so many bytes.
pub fn write(output: &mut dyn Write, bytes: u64) -> io::Result<()> {
    let mut random = Random::new(2);
    let days = Days::from(date(2024, 3, 1), 400);
    let (mut id, mut seconds, mut written) = (21_000_000_000, 0, 0);
    let mut text = String::new();
    while written < bytes {
        text.clear();
        id += random.within(1, 40);
        seconds += random.below(2);
        write_event(&mut text, &mut random, id, &days.moment(seconds))
            .expect("a string takes everything");
        output.write_all(text.as_bytes())?;
        written += text.len() as u64;
    }
    Ok(())
}

fn write_event(text: &mut String, random: &mut Random, id: u64, moment: &str) -> std::fmt::Result {
    let kind = random.one_of(&TYPES);
    let (actor, repository) = (random.below(200_000), random.below(500_000));
    let login = name(actor);
    let repository_name = format!("{}/{}", name(repository % 90_000), name(repository + 1));
    write!(
        text,
        r#"{{"id":"{id}","type":"{kind}","actor":{{"id":{actor},"login":"{login}","display_login":"{login}","#
    )?;
    write!(
        text,
        r#""gravatar_id":"","url":"https://api.example.org/users/{login}","avatar_url":"https://avatars.example.org/u/{actor}?"}},"#
    )?;
    write!(
        text,
        r#""repo":{{"id":{repository},"name":"{repository_name}","url":"https://api.example.org/repos/{repository_name}"}},"#
    )?;
    text.push_str(r#""payload":{"#);
    match kind {
        "PushEvent" => write_push(text, random, repository, &login)?,
        "PullRequestEvent" | "IssuesEvent" | "IssueCommentEvent" => write_issue(text, random)?,
        "CreateEvent" => {
            let (branch, words) = (random.one_of(&WORDS), random.within(3, 10));
            write!(
                text,
                r#""ref":"{branch}","ref_type":"branch","master_branch":"main","description":"#
            )?;
            write_text(text, random, words);
            text.push_str(r#","pusher_type":"user""#);
        }
        "ForkEvent" => {
            let fork = random.below(500_000);
            write!(text, r#""forkee":{{"id":{fork},"name":"{}","fork":true}}"#, name(fork))?;
        }
        "DeleteEvent" => {
            let branch = random.one_of(&WORDS);
            write!(text, r#""ref":"{branch}","ref_type":"branch","pusher_type":"user""#)?;
        }
        _ => text.push_str(r#""action":"started""#),
    }
    writeln!(text, r#"}},"public":true,"created_at":"{moment}"}}"#)
}

fn write_push(
    text: &mut String,
    random: &mut Random,
    repository: u64,
    login: &str,
) -> std::fmt::Result {
    let (push, size, branch) = (random.bits() >> 30, random.within(1, 4), random.one_of(&BRANCHES));
    write!(
        text,
        r#""repository_id":{repository},"push_id":{push},"size":{size},"distinct_size":{size},"ref":"refs/heads/{branch}","head":"#
    )?;
    write_hash(text, random)?;
    text.push_str(r#","commits":["#);
    for index in 0..size {
        text.push_str(if index > 0 { r#",{"sha":"# } else { r#"{"sha":"# });
        write_hash(text, random)?;
        write!(
            text,
            r#","author":{{"email":"{login}@users.example.org","name":"{login}"}},"message":"#
        )?;
        let words = random.within(3, 18);
        write_text(text, random, words);
        text.push_str(r#","distinct":true}"#);
    }
    text.push(']');
    Ok(())
}

fn write_issue(text: &mut String, random: &mut Random) -> std::fmt::Result {
    let (action, number) = (random.one_of(&ACTIONS), random.within(1, 50_000));
    write!(text, r#""action":"{action}","number":{number},"issue":{{"title":"#)?;
    let words = random.within(4, 9);
    write_text(text, random, words);
    text.push_str(r#","body":"#);
    let words = random.within(10, 80);
    write_text(text, random, words);
    write!(text, r#","score":{}.{:03},"labels":["#, random.below(100), random.below(1000))?;
    for index in 0..random.below(4) {
        let comma = if index > 0 { "," } else { "" };
        let (label, word) = (random.below(1000), random.one_of(&WORDS));
        write!(text, r#"{comma}{{"id":{label},"name":"{word}"}}"#)?;
    }
    text.push_str(match random.below(3) {
        0 => r#"],"assignee":null,"locked":false}"#,
        _ => r#"],"assignee":{"login":"somebody","id":7},"locked":false}"#,
    });
    Ok(())
}

/// 40 hexadecimal digits in quotes.
fn write_hash(text: &mut String, random: &mut Random) -> std::fmt::Result {
    let (first, second, third) = (random.bits(), random.bits(), random.bits() >> 32);
    write!(text, r#""{first:016x}{second:016x}{third:08x}""#)
}

/// Words in quotes; in three of twenty texts something is escaped.
fn write_text(text: &mut String, random: &mut Random, words: u64) {
    text.push('"');
    random.words(text, words);
    text.push_str(match random.below(20) {
        0 => r#"\n\nReviewed-by: \"B\""#,
        1 => r" \u2714 \ud83c\udf31",
        2 => r", see D:\\logs\tand <pre>",
        _ => "",
    });
    text.push('"');
}

/// The name that belongs to a number, always the same.
fn name(number: u64) -> String {
    let mut random = Random::new(number);
    let mut word = || random.one_of(&WORDS).replace('\u{ef}', "i");
    format!("{}-{}{number}", word(), word())
}
