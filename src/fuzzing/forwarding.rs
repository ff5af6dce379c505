//! What goes out is read again, and means the same.

use super::heads::asked;
use super::plain_head::PlainHead;
use crate::engine::edits::{Afterwards, Edits, write_request, write_response};
use crate::engine::framing::Framing;
use crate::engine::head::{FieldStorage, Fields, MAX_FIELDS, Scan, parse_request, parse_response, scan};

/// The first byte says what to leave out and to add, the second what was asked; then comes a head, and behind it
/// the value to add.
pub fn forwarding(input: &[u8]) {
    let [edit, request, input @ ..] = input else { return };
    let Scan::Complete(end) = scan(input, 0) else { return };
    let (head, value) = input.split_at(end);
    // Other controls than those that end a line are the handler's to keep out.
    let value: Vec<u8> = value
        .iter()
        .copied()
        .filter(|byte| matches!(byte, 0 | b'\r' | b'\n' | b'\t') || (*byte >= b' ' && *byte != 127))
        .collect();
    if head.starts_with(b"HTTP/") {
        response(head, *edit, *request, &value);
    } else {
        self::request(head, *edit, &value);
    }
}

/// The fields that stay, in order, as a second reading finds them; `dropped` are left out besides.
fn kept<'b>(fields: &Fields<'_, 'b>, dropped: &[usize]) -> Vec<(&'b [u8], &'b [u8])> {
    let plain = PlainHead::of(fields.head()).fields;
    let stays = |(index, field)| (!fields.is_hop_by_hop(index) && !dropped.contains(&index)).then_some(field);
    plain.into_iter().enumerate().filter_map(stays).collect()
}

fn owned(fields: &[(&[u8], &[u8])]) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

/// The same, with a field that delimits the body spelled in the one way that everybody reads, at the end unless it
/// came like that.
fn respelled(head: &[u8], mut fields: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<(Vec<u8>, Vec<u8>)> {
    for delimiter in ["Content-Length", "Transfer-Encoding"] {
        let named = |(name, _): &(Vec<u8>, Vec<u8>)| name.eq_ignore_ascii_case(delimiter.as_bytes());
        let Some(place) = fields.iter().position(named) else { continue };
        let (name, value) = &fields[place];
        let plain = String::from_utf8_lossy(value).to_ascii_lowercase();
        let plain = plain.parse::<u64>().map_or(plain, |number| number.to_string());
        let line = [b"\r\n", &name[..], b": ", plain.as_bytes(), b"\r\n"].concat();
        if !head.windows(line.len()).any(|window| window == line) {
            fields.remove(place);
            fields.push((delimiter.as_bytes().to_vec(), plain.into_bytes()));
        }
    }
    fields
}

fn cleaned(value: &[u8]) -> Vec<u8> {
    let clean = |byte: &u8| if matches!(byte, 0 | b'\r' | b'\n') { b' ' } else { *byte };
    value.iter().map(clean).collect::<Vec<_>>().trim_ascii().to_vec()
}

/// The fields to drop: by the bits of `edit`, but never what delimits or routes.
fn to_drop(edit: u8, fields: usize, needed: &[Option<u8>]) -> Vec<usize> {
    let needed = |index: &usize| needed.iter().flatten().any(|field| usize::from(*field) == *index);
    (0..fields.min(7)).filter(|index| edit >> index & 1 == 1 && !needed(index)).collect()
}

fn request(bytes: &[u8], edit: u8, value: &[u8]) {
    let mut storage = FieldStorage::new();
    let Ok(head) = parse_request(bytes, &mut storage) else { return };
    if head.fields.len() + 4 > MAX_FIELDS {
        return;
    }
    let dropped = to_drop(edit, head.fields.len(), &[head.facts.host_field, head.facts.framing_field]);
    let mut scratch = b"left over".to_vec();
    let mut edits = Edits::new(&mut scratch);
    dropped.iter().for_each(|index| edits.drop_field(*index));
    let mut expected = respelled(bytes, owned(&kept(&head.fields, &dropped)));
    if head.facts.upgrade {
        expected.push((b"Connection".to_vec(), b"Upgrade".to_vec()));
        expected.push((b"Upgrade".to_vec(), b"websocket".to_vec()));
    }
    if head.facts.host_field.is_none() {
        edits.add("Host", b"mim");
        expected.push((b"Host".to_vec(), b"mim".to_vec()));
    }
    if edit & 0x80 != 0 {
        edits.add("X-Added", value);
        expected.push((b"X-Added".to_vec(), cleaned(value)));
    }
    let mut out = b"left over".to_vec();
    write_request(&head, &edits, &mut out);

    assert_eq!(scan(&out, 0), Scan::Complete(out.len()), "one head, and nothing behind it");
    let mut storage = FieldStorage::new();
    let again = parse_request(&out, &mut storage).expect("what we send is what we accept");
    assert_eq!((again.method, again.facts.framing), (head.method, head.facts.framing));
    assert_eq!((again.path(), again.query()), (head.path(), head.query()));
    assert_eq!(again.facts.upgrade, head.facts.upgrade);
    assert_eq!(again.facts.absolute_https, None, "origin-form");
    if head.facts.absolute_https.is_none() && head.host().is_some() {
        assert_eq!(again.host(), head.host());
    }
    assert_eq!(owned(&PlainHead::of(&out).fields), expected);
}

fn response(bytes: &[u8], edit: u8, asked_for: u8, value: &[u8]) {
    let mut storage = FieldStorage::new();
    let request = asked(asked_for);
    let Ok(head) = parse_response(bytes, &mut storage, &request) else { return };
    if head.fields.len() + 4 > MAX_FIELDS {
        return;
    }
    let dechunked = asked_for & 4 != 0 && head.facts.framing == Framing::Chunked;
    let mut dropped = to_drop(edit, head.fields.len(), &[head.facts.framing_field]);
    let mut scratch = Vec::new();
    let mut edits = Edits::new(&mut scratch);
    dropped.iter().for_each(|index| edits.drop_field(*index));
    edits.begin("Set-Cookie");
    edits.value(value);
    edits.finish();
    let afterwards = match (head.facts.status, asked_for >> 3 & 3) {
        (..200, _) => Afterwards::Silent,
        (_, 0) => Afterwards::Keep,
        (_, 1) => Afterwards::KeepSaid,
        _ => Afterwards::Close,
    };
    let mut out = Vec::new();
    write_response(&head, &edits, afterwards, dechunked, &mut out);

    assert_eq!(scan(&out, 0), Scan::Complete(out.len()), "one head, and nothing behind it");
    let mut storage = FieldStorage::new();
    let again = parse_response(&out, &mut storage, &request).expect("what we send is what we accept");
    assert_eq!((again.facts.status, again.reason), (head.facts.status, head.reason));
    assert_eq!(again.facts.framing, if dechunked { Framing::UntilClose } else { head.facts.framing });
    if afterwards == Afterwards::Close {
        assert!(!again.facts.keep_alive);
    }
    if dechunked {
        dropped.extend(head.facts.framing_field.map(usize::from));
    }
    let mut expected = respelled(bytes, owned(&kept(&head.fields, &dropped)));
    expected.push((b"Set-Cookie".to_vec(), cleaned(value)));
    let found = owned(&PlainHead::of(&out).fields);
    assert_eq!(found[..expected.len()], expected);
    assert!(found[expected.len()..].iter().all(|(name, _)| matches!(&name[..], b"Connection" | b"Upgrade")));
}
