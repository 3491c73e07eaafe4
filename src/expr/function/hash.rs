//! Hashes of texts (of their UTF-8 bytes), in hexadecimal digits in lower case.
//!
//! Keyed ones are for pseudonyms: the same text gets the same one, and without the key nobody can tell from whom. Their
//! key is a constant and prepared; no message shows it.

use super::declare::declare;
use super::encoding::write_hex;
use super::prepared::routine;
use super::{Body, Flaw, Function, Kernel, Parameter, ResultType, Routine, bigint_of, str_of};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::record::DataType;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;
use xxhash_rust::xxh64::xxh64;

const FAMILY: &str = "hash";
const TEXT: ResultType = |_| DataType::Text;

/// How many digits a pseudonym has where nothing is said: 64 bits, enough to tell a hundred million apart.
const PSEUDONYM_DIGITS: i64 = 16;

/// How few digits a pseudonym may have: fewer are guessed, and soon the same for two texts.
const PSEUDONYM_DIGITS_MIN: i64 = 8;

/// How many digits there are in all.
const HMAC_DIGITS: i64 = 64;

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    of_text(
        [
            "md5",
            "md5(text) -> text",
            "the MD5 hash, 32 digits",
            "md5('abc')",
            "900150983cd24fb0d6963f7d28e17f72",
        ],
        |cells, out| hashed(&Md5::digest(str_of(cells[0])), out),
    ),
    of_text(
        [
            "sha1",
            "sha1(text) -> text",
            "the SHA-1 hash, 40 digits",
            "sha1('abc')",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
        ],
        |cells, out| hashed(&Sha1::digest(str_of(cells[0])), out),
    ),
    of_text(
        [
            "sha256",
            "sha256(text) -> text",
            "the SHA-256 hash, 64 digits",
            "sha256('abc')",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ],
        |cells, out| hashed(&Sha256::digest(str_of(cells[0])), out),
    ),
    of_text(
        [
            "xxh64",
            "xxh64(text) -> text",
            "the XXH64 hash with seed 0, 16 digits: quick, not for secrets",
            "xxh64('abc')",
            "44bc2cf5ad770999",
        ],
        |cells, out| hashed(&xxh64(str_of(cells[0]).as_bytes(), 0).to_be_bytes(), out),
    ),
    of_text(
        [
            "crc32",
            "crc32(text) -> text",
            "the CRC-32 checksum, 8 digits",
            "crc32('abc')",
            "352441c2",
        ],
        |cells, out| hashed(&crc32fast::hash(str_of(cells[0]).as_bytes()).to_be_bytes(), out),
    ),
    declare(
        FAMILY,
        [
            "hmac_sha256",
            "hmac_sha256(text, key text) -> text",
            "the keyed SHA-256 hash, 64 digits; the key is a constant, best '${KEY}'",
            "hmac_sha256('what do ya want for nothing?', 'Jefe')",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ],
        &[Parameter::Text, Parameter::Secret],
        Body::Prepared(TEXT, &[1], hmac_sha256),
    ),
    Function {
        required: 2,
        ..declare(
            FAMILY,
            [
                "pseudonym",
                "pseudonym(text, key text[, digits bigint]) -> text",
                "the first digits (16 where nothing is said, 8 to 64) of hmac_sha256(text, key)",
                "pseudonym('ann@example.org', 'secret')",
                "566cb62df2491f37",
            ],
            &[Parameter::Text, Parameter::Secret, Parameter::Bigint],
            Body::Prepared(TEXT, &[1], pseudonym),
        )
    },
];

const fn of_text(doc: [&'static str; 5], kernel: Kernel) -> Function {
    declare(FAMILY, doc, &[Parameter::Text], Body::Strict(TEXT, kernel))
}

fn hashed<'a>(hash: &[u8], out: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    write_hex(out, hash);
    Ok(Answer::Written)
}

fn hmac_sha256(constants: &[Option<Cell>]) -> Result<Routine, Flaw> {
    prepare_hmac(constants, HMAC_DIGITS)
}

fn pseudonym(constants: &[Option<Cell>]) -> Result<Routine, Flaw> {
    if let Some(Some(digits)) = constants.get(2) {
        check_digits(bigint_of(*digits)).map_err(|reason| Flaw::new(2, reason))?;
    }
    prepare_hmac(constants, PSEUDONYM_DIGITS)
}

/// A keyed hash with so many digits, unless a third argument says how many.
fn prepare_hmac(constants: &[Option<Cell>], digits: i64) -> Result<Routine, Flaw> {
    let key = constants.get(1).copied().flatten().map_or("", str_of);
    let keyed = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length of key will do");
    Ok(routine(move |cells, out| {
        let length = check_digits(cells.get(2).map_or(digits, |digits| bigint_of(*digits)))?;
        let mut mac = keyed.clone();
        mac.update(str_of(cells[0]).as_bytes());
        write_hex(out, &mac.finalize().into_bytes());
        out.truncate(length);
        Ok(Answer::Written)
    }))
}

fn check_digits(digits: i64) -> Result<usize, Failure> {
    let sound = (PSEUDONYM_DIGITS_MIN..=HMAC_DIGITS).contains(&digits);
    let digits = usize::try_from(digits).ok().filter(|_| sound);
    digits.ok_or_else(|| "a pseudonym has 8 to 64 digits".into())
}

#[cfg(test)]
mod tests {
    use crate::expr::tests::text_of;

    fn check(sql: &str, expected: &str) {
        assert_eq!(text_of(sql).as_deref(), Ok(expected), "{sql}");
    }

    #[test]
    fn keyed_hashes_are_those_of_rfc_4231() {
        check(
            "hmac_sha256('Hi There', unhex(repeat('0b', 20)))",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        );
        // A key longer than a block is hashed first.
        check(
            "hmac_sha256('a', repeat('a', 131))",
            "d489e2e8340e37376326917ccb831ade3f505b74359dde106b94c32729339848",
        );
        check("pseudonym('Hi There', unhex(repeat('0b', 20)), 20)", "b0344c61d8db38535ca8");
    }

    #[test]
    fn checksums_are_the_published_ones() {
        check("crc32('123456789')", "cbf43926");
        check("xxh64('')", "ef46db3751d8e999");
        check("xxh64('Nobody inspects the spammish repetition')", "fbcea83c8a378bf1");
        check("md5('')", "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn a_key_is_a_constant_and_a_pseudonym_not_too_short() {
        let check_error = |sql: &str, message: &str| {
            assert_eq!(text_of(sql).expect_err(sql), message, "{sql}");
        };
        check_error("hmac_sha256('a', CAST(random AS text))", "unknown column `random` in filter");
        check_error("hmac_sha256('a', '')", "the key is empty");
        check_error("hmac_sha256('a', NULL)", "the key must be a text in quotes");
        check_error("pseudonym('a', 'k', 7)", "`pseudonym`: a pseudonym has 8 to 64 digits");
        check_error("pseudonym('a', 'k', 65)", "`pseudonym`: a pseudonym has 8 to 64 digits");
    }
}
