//! Values of layers in little room: of each eight bytes only those that are not zero, behind a byte that says which these are.
//!
//! Numbers of fixed width are mostly zeros, and what is looked up one by one is not compressed otherwise.

/// Bytes that one byte of bits tells of.
const GROUP: usize = 8;

/// Appends the packed form of bytes.
pub fn pack(bytes: &[u8], out: &mut Vec<u8>) {
    let (groups, rest) = bytes.as_chunks::<GROUP>();
    out.push(u8::try_from(rest.len()).expect("less than a group"));
    groups.iter().for_each(|group| pack_group(*group, out));
    if !rest.is_empty() {
        let mut group = [0; GROUP];
        group[..rest.len()].copy_from_slice(rest);
        pack_group(group, out);
    }
}

fn pack_group(group: [u8; GROUP], out: &mut Vec<u8>) {
    let bits_at = out.len();
    out.push(0);
    for (place, byte) in group.into_iter().enumerate() {
        if byte != 0 {
            out[bits_at] |= 1 << place;
            out.push(byte);
        }
    }
}

/// Appends what was packed; `None` for bytes that [`pack`] does not make.
pub fn unpack(packed: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (rest, mut packed) = packed.split_first()?;
    let start = out.len();
    while let Some(bits) = packed.split_off_first() {
        for place in 0..GROUP {
            out.push(match bits >> place & 1 {
                0 => 0,
                _ => *packed.split_off_first()?,
            });
        }
    }
    let surplus = match usize::from(*rest) {
        0 => 0,
        rest => GROUP.checked_sub(rest)?,
    };
    out.truncate((out.len() - start).checked_sub(surplus)? + start);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_come_back_and_zeros_take_little(bytes in prop::collection::vec(0_u8..3, 0..100)) {
            let mut packed = Vec::new();
            pack(&bytes, &mut packed);
            let mut found = vec![7];
            prop_assert_eq!(unpack(&packed, &mut found), Some(()));
            prop_assert_eq!(&found[1..], &bytes);
            let zeros = bytes.iter().filter(|byte| **byte == 0).count();
            prop_assert_eq!(packed.len(), 1 + bytes.len().div_ceil(8) + bytes.len() - zeros);
        }

        #[test]
        fn other_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut found = Vec::new();
            let _whether_it_can_be_read = unpack(&bytes, &mut found);
            prop_assert!(found.len() <= bytes.len() * GROUP);
        }
    }
}
