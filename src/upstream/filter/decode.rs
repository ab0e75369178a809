//! What a text says after one more decoding: escapes of URLs, JSON and HTML, and lines that were broken.

use zeroize::Zeroizing;

/// Escapes within escapes are followed this deep.
const ROUNDS: usize = 3;

/// Other readings of `text`, where it has any. Bytes, because only ASCII is looked for in them.
pub(super) fn views(text: &str) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
    let joined = text
        .contains('\n')
        .then(|| Zeroizing::new(text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<_>>()));
    let mut current = Zeroizing::new(text.as_bytes().to_vec());
    let decoded = (0..ROUNDS).map_while(move |_| {
        if !current.iter().any(|byte| matches!(byte, b'%' | b'\\' | b'&')) {
            return None;
        }
        let next = decode(&current);
        (next != current).then(|| {
            current.clone_from(&next);
            next
        })
    });
    joined.into_iter().chain(decoded)
}

/// One pass over all escapes. What is not ASCII stays some byte that is not either.
fn decode(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let (byte, left) = match first {
            b'%' => hexadecimal(after, 2),
            b'\\' => backslash(after),
            b'&' => entity(after),
            _ => None,
        }
        .unwrap_or((*first, after));
        out.push(byte);
        rest = left;
    }
    out
}

type Decoded<'a> = Option<(u8, &'a [u8])>;

fn hexadecimal(text: &[u8], digits: usize) -> Decoded<'_> {
    let (number, rest) = text.split_at_checked(digits)?;
    Some((ascii(number, 16)?, rest))
}

fn backslash(text: &[u8]) -> Decoded<'_> {
    match text {
        [b'u', rest @ ..] => hexadecimal(rest, 4),
        [b'x', rest @ ..] => hexadecimal(rest, 2),
        [escaped @ (b'/' | b'"' | b'\'' | b'\\'), rest @ ..] => Some((*escaped, rest)),
        _ => None,
    }
}

fn entity(text: &[u8]) -> Decoded<'_> {
    const NAMED: [(&[u8], u8); 5] = [(b"amp", b'&'), (b"lt", b'<'), (b"gt", b'>'), (b"quot", b'"'), (b"apos", b'\'')];
    let end = text.iter().take(12).position(|byte| *byte == b';')?;
    let (name, rest) = (text.get(..end)?, text.get(end + 1..)?);
    let byte = match name {
        [b'#', b'x' | b'X', number @ ..] => ascii(number, 16)?,
        [b'#', number @ ..] => ascii(number, 10)?,
        name => NAMED.iter().find(|(known, _)| *known == name).map(|(_, byte)| *byte)?,
    };
    Some((byte, rest))
}

fn ascii(digits: &[u8], radix: u32) -> Option<u8> {
    let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?;
    Some(u8::try_from(number).unwrap_or(u8::MAX))
}
