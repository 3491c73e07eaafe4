//! Addresses of the internet protocol, versions 4 and 6, and their networks in CIDR notation.
//!
//! Addresses are read strictly: four decimal numbers without leading zeros, or the forms of RFC 4291; no zone, no port.

use super::declare::declare;
use super::{
    Body, Function, Parameter, ResultType, bigint_answer, bigint_of, boolean_answer, str_of,
};
use crate::expr::evaluate::cell::{Answer, Failure};
use crate::record::DataType;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const FAMILY: &str = "url and ip";
const TEXT: ResultType = |_| DataType::Text;
const BOOLEAN: ResultType = |_| DataType::Boolean;
const ONE: &[Parameter] = &[Parameter::Text];

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    declare(
        FAMILY,
        [
            "is_ip",
            "is_ip(text) -> boolean",
            "whether a text is an address of version 4 or 6",
            "is_ip('192.0.2.1')",
            "true",
        ],
        ONE,
        Body::Strict(BOOLEAN, |cells, _| boolean_answer(address(str_of(cells[0])).is_ok())),
    ),
    declare(
        FAMILY,
        [
            "ip_version",
            "ip_version(ip text) -> bigint",
            "4 or 6; a fault where the text is no address",
            "ip_version('2001:db8::1')",
            "6",
        ],
        ONE,
        Body::Strict(
            |_| DataType::Bigint,
            |cells, _| bigint_answer(if address(str_of(cells[0]))?.is_ipv4() { 4 } else { 6 }),
        ),
    ),
    declare(
        FAMILY,
        [
            "ip_normalize",
            "ip_normalize(ip text) -> text",
            "the one shortest form of an address (RFC 5952)",
            "ip_normalize('2001:0DB8:0:0::1')",
            "2001:db8::1",
        ],
        ONE,
        Body::Strict(TEXT, |cells, out| {
            write!(out, "{}", address(str_of(cells[0]))?).expect("a buffer takes everything");
            Ok(Answer::Written)
        }),
    ),
    declare(
        FAMILY,
        [
            "ip_in",
            "ip_in(ip text, network text) -> boolean",
            "whether an address is in a network in CIDR notation",
            "ip_in('10.1.2.3', '10.0.0.0/8')",
            "true",
        ],
        &[Parameter::Text, Parameter::Text],
        Body::Strict(BOOLEAN, |cells, _| {
            let (base, bits) = network(str_of(cells[1]))?;
            let ip = address(str_of(cells[0]))?;
            boolean_answer(
                ip.is_ipv4() == base.is_ipv4() && masked(ip, bits)? == masked(base, bits)?,
            )
        }),
    ),
    declare(
        FAMILY,
        [
            "ip_network",
            "ip_network(ip text, bits bigint) -> text",
            "the network of so many bits that an address is in",
            "ip_network('192.0.2.77', 24)",
            "192.0.2.0/24",
        ],
        &[Parameter::Text, Parameter::Bigint],
        Body::Strict(TEXT, |cells, out| {
            let bits = u32::try_from(bigint_of(cells[1])).map_err(|_| TOO_MANY_BITS)?;
            let base = masked(address(str_of(cells[0]))?, bits)?;
            write!(out, "{base}/{bits}").expect("a buffer takes everything");
            Ok(Answer::Written)
        }),
    ),
    declare(
        FAMILY,
        [
            "ip_is_private",
            "ip_is_private(ip text) -> boolean",
            "whether an address is private, local to its link, or the host's own",
            "ip_is_private('192.168.0.1')",
            "true",
        ],
        ONE,
        Body::Strict(BOOLEAN, |cells, _| {
            boolean_answer(match address(str_of(cells[0]))? {
                IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
                IpAddr::V6(ip) => {
                    ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local()
                }
            })
        }),
    ),
];

const TOO_MANY_BITS: &str = "a network has 0 to 32 bits, or to 128 in version 6";

fn address(text: &str) -> Result<IpAddr, Failure> {
    text.parse().map_err(|_| "text is not an ip address".into())
}

/// An address with its bits; all of them where nothing is said.
fn network(text: &str) -> Result<(IpAddr, u32), Failure> {
    let bad = || Failure::from("text is not a network such as 10.0.0.0/8");
    let Some((base, bits)) = text.split_once('/') else {
        let base = address(text).map_err(|_| bad())?;
        return Ok((base, if base.is_ipv4() { Ipv4Addr::BITS } else { Ipv6Addr::BITS }));
    };
    let is_number = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
    let bits = bits.parse().ok().filter(|_| is_number).ok_or_else(bad)?;
    Ok((address(base).map_err(|_| bad())?, bits))
}

/// An address with all but its first bits zero.
fn masked(ip: IpAddr, bits: u32) -> Result<IpAddr, Failure> {
    let width = if ip.is_ipv4() { Ipv4Addr::BITS } else { Ipv6Addr::BITS };
    let dropped = width.checked_sub(bits).ok_or(TOO_MANY_BITS)?;
    Ok(match ip {
        IpAddr::V4(ip) => {
            Ipv4Addr::from_bits(ip.to_bits() & u32::MAX.checked_shl(dropped).unwrap_or(0)).into()
        }
        IpAddr::V6(ip) => {
            Ipv6Addr::from_bits(ip.to_bits() & u128::MAX.checked_shl(dropped).unwrap_or(0)).into()
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::expr::tests::text_of;

    fn check(sql: &str, expected: &str) {
        let found = text_of(sql).unwrap_or_else(|reason| format!("!{reason}"));
        assert_eq!(found, expected, "{sql}");
    }

    #[test]
    fn addresses_are_read_strictly() {
        for (text, expected) in [
            ("0.0.0.0", "true"),
            ("255.255.255.255", "true"),
            ("::", "true"),
            ("::ffff:192.0.2.1", "true"),
            ("256.0.0.1", "false"),
            ("1.2.3", "false"),
            ("01.2.3.4", "false"),
            (" 1.2.3.4", "false"),
            ("1.2.3.4:80", "false"),
            ("fe80::1%eth0", "false"),
            ("[::1]", "false"),
            ("1::2::3", "false"),
            ("", "false"),
        ] {
            check(&format!("is_ip('{text}')"), expected);
        }
        check("ip_version('x')", "!text is not an ip address");
        check("ip_version(NULL)", "NULL");
    }

    #[test]
    fn addresses_have_one_form_as_in_rfc_5952() {
        for (text, expected) in [
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("2001:0db8::0001", "2001:db8::1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:DB8::A", "2001:db8::a"),
            ("0:0:0:0:0:0:0:0", "::"),
            ("::ffff:c000:0201", "::ffff:192.0.2.1"),
        ] {
            check(&format!("ip_normalize('{text}')"), expected);
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        check("ip_in('10.255.255.255', '10.0.0.0/8')", "true");
        check("ip_in('11.0.0.0', '10.0.0.0/8')", "false");
        check("ip_in('10.0.0.9', '10.0.0.1/8')", "true");
        check("ip_in('1.2.3.4', '0.0.0.0/0')", "true");
        check("ip_in('1.2.3.4', '1.2.3.4')", "true");
        check("ip_in('1.2.3.4', '1.2.3.5/32')", "false");
        check("ip_in('2001:db8:1::', '2001:db8::/32')", "true");
        check("ip_in('::1', '::/0')", "true");
        check("ip_in('1.2.3.4', '::/0')", "false");
        check(
            "ip_in('1.2.3.4', '10.0.0.0/33')",
            "!a network has 0 to 32 bits, or to 128 in version 6",
        );
        check("ip_in('1.2.3.4', '10.0.0.0/+8')", "!text is not a network such as 10.0.0.0/8");
        check("ip_in('1.2.3.4', '10/8')", "!text is not a network such as 10.0.0.0/8");
        check("ip_network('10.1.2.3', 0)", "0.0.0.0/0");
        check("ip_network('10.1.2.3', 32)", "10.1.2.3/32");
        check("ip_network('2001:db8:1:2::3', 48)", "2001:db8:1::/48");
        check("ip_network('::1', 128)", "::1/128");
        check("ip_network('10.1.2.3', 33)", "!a network has 0 to 32 bits, or to 128 in version 6");
        check("ip_network('10.1.2.3', -1)", "!a network has 0 to 32 bits, or to 128 in version 6");
        check("ip_is_private('172.32.0.1')", "false");
        check("ip_is_private('fd00::1')", "true");
        check("ip_is_private('::1')", "true");
    }
}
