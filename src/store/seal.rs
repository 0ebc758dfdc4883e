//! JSON that says itself whether it is whole: an object whose last field is a checksum of the bytes before it.
//!
//! A flipped byte can make another valid value of a file; whoever only parses it would believe it.

/// Where the checksum starts.
const CRC_FIELD: &str = ",\"crc\":\"";

/// Adds the checksum to a JSON object, and a newline: the CRC-32 (IEEE) of everything before `,"crc":`.
pub(super) fn seal(mut object: Vec<u8>) -> Vec<u8> {
    while object.pop_if(|byte| byte.is_ascii_whitespace()).is_some() {}
    object.pop();
    while object.pop_if(|byte| byte.is_ascii_whitespace()).is_some() {}
    let crc = crc32fast::hash(&object);
    object.extend_from_slice(format!("{CRC_FIELD}{crc:08x}\"}}\n").as_bytes());
    object
}

/// Returns the object without its checksum; `None` where the two do not agree.
pub(super) fn unseal(sealed: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(sealed.strip_suffix(b"\n")?).ok()?;
    let (body, crc) = text.split_at_checked(text.rfind(CRC_FIELD)?)?;
    let crc = crc.strip_prefix(CRC_FIELD)?.strip_suffix("\"}")?;
    let said = u32::from_str_radix(crc, 16).ok().filter(|_| crc.len() == 8)?;
    (said == crc32fast::hash(body.as_bytes())).then(|| format!("{body}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_is_flipped_or_missing_is_noticed() {
        let whole = seal(br#"{"seq":7,"name":"x"}"#.to_vec());
        assert_eq!(unseal(&whole).unwrap(), r#"{"seq":7,"name":"x"}"#);
        for at in 0..whole.len() {
            assert_eq!(unseal(&whole[..at]), None, "cut at {at}");
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                // A hex digit in capitals is the same number.
                let same = flipped.eq_ignore_ascii_case(&whole) && at > whole.len() - 12;
                assert!(same || unseal(&flipped).is_none(), "bit {bit} of byte {at}");
            }
        }
    }
}
