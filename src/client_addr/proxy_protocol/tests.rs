use super::*;

fn ends(source: &str, destination: &str) -> Ends {
    Ends { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

/// The verdict on whole bytes, after every shorter beginning was found to say the same or to want more.
fn verdict(bytes: &[u8]) -> Parsed {
    let whole = parse(bytes);
    for length in 0..bytes.len() {
        let part = parse(&bytes[..length]);
        assert!(part == Parsed::More || part == whole, "{length} of {bytes:?}: {part:?}, then {whole:?}");
    }
    whole
}

fn header(length: usize, ends: Ends) -> Parsed {
    Parsed::Header { length, ends: Some(ends) }
}

#[test]
fn lines_of_version_1_name_the_client() {
    for (line, source, destination) in [
        ("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", "192.0.2.1:56324", "198.51.100.7:443"),
        ("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", "255.255.255.255:65535", "0.0.0.0:0"),
        ("PROXY TCP6 2001:db8::1 2001:DB8:0::2 1 2\r\n", "[2001:db8::1]:1", "[2001:db8::2]:2"),
        ("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c000:0202 1 2\r\n", "192.0.2.1:1", "192.0.2.2:2"),
        (
            "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 65535\r\n",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535",
        ),
    ] {
        let expected = header(line.len(), ends(source, destination));
        assert_eq!(verdict(line.as_bytes()), expected, "{line}");
        let followed = [line.as_bytes(), b"GET / HTTP/1.1\r\n\r\n"].concat();
        assert_eq!(verdict(&followed), expected, "{line}");
    }
}

#[test]
fn a_line_may_say_that_the_client_is_unknown() {
    let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(LONGEST_V1 - 16));
    assert_eq!(longest.len(), LONGEST_V1);
    for line in
        ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 ::2 99999 x\r\n", "PROXY UNKNOWN \0\r\n", &longest]
    {
        assert_eq!(verdict(line.as_bytes()), Parsed::Header { length: line.len(), ends: None }, "{line:?}");
    }
}

#[test]
fn what_is_nearly_a_line_is_refused() {
    for line in [
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
        "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n",
        "PROXY TCP4 0x7f.0.0.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP6 [2001:db8::1] 2001:db8::2 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 2001:db8::2 1 2\r\n",
        "PROXY TCP6 1::2::3 2001:db8::2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2\r 1 2\r\n",
        "PROXY UNKNOWN\n",
        "PROXY UNKNOWN \r \r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY \r\n",
        "PROXY / HTTP/1.1\r\n",
    ] {
        assert!(matches!(verdict(line.as_bytes()), Parsed::Bad(_)), "{line:?}");
    }
    let long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(LONGEST_V1 - 15));
    assert_eq!(verdict(long.as_bytes()), Parsed::Bad("the line is too long"));
}

#[test]
fn what_is_no_header_shows_at_its_first_different_byte() {
    for bytes in [
        &b"GET"[..],
        b"\x16\x03\x01",
        b"PROPFIND",
        b"PROXZ",
        b"\r\n\r\nGET",
        b"\r\n\r\n\0\r\nQUIX",
        b" PROXY ",
    ] {
        assert_eq!(verdict(bytes), Parsed::Absent, "{bytes:?}");
    }
    assert_eq!(parse(b"PROP"), Parsed::Absent);
    assert_eq!(parse(b"\r\n\r\n\r"), Parsed::Absent);
    assert_eq!(parse(b""), Parsed::More);
}

/// A header of version 2 with these extensions.
fn with_extensions(family: u8, addresses: usize, extensions: &[u8]) -> Vec<u8> {
    let length = u16::try_from(addresses + extensions.len()).unwrap();
    let mut bytes = [&SIGNATURE[..], &[PROXY, family], &length.to_be_bytes()].concat();
    bytes.extend((1..=addresses).map(|byte| byte as u8));
    bytes.extend(extensions);
    bytes
}

#[test]
fn what_is_written_is_read() {
    for (source, destination, length) in [
        ("192.0.2.1:56324", "198.51.100.7:443", 28),
        ("[2001:db8::1]:1", "[2001:db8::2]:65535", 52),
        ("192.0.2.1:1", "[2001:db8::2]:2", 52),
        ("[2001:db8::1]:1", "192.0.2.1:0", 52),
    ] {
        let mut bytes = Vec::new();
        write_v2(&mut bytes, &ends(source, destination));
        assert_eq!(verdict(&bytes), header(length, ends(source, destination)));
        assert_eq!(bytes.len(), length);
    }
    let mut bytes = Vec::new();
    write_local(&mut bytes);
    assert_eq!(verdict(&bytes), Parsed::Header { length: 16, ends: None });
}

#[test]
fn a_mapped_address_of_version_2_is_its_ipv4_address() {
    let mut bytes = with_extensions(TCP6, 36, b"");
    bytes[16..32].copy_from_slice(&"::ffff:192.0.2.1".parse::<Ipv6Addr>().unwrap().octets());
    let Parsed::Header { ends: Some(ends), .. } = verdict(&bytes) else { panic!() };
    assert_eq!(ends.source.ip(), "192.0.2.1".parse::<IpAddr>().unwrap());
}

#[test]
fn who_is_not_told_keeps_the_proxys_address() {
    for (family, addresses) in [(0x00, 0), (0x31, 216)] {
        let bytes = with_extensions(family, addresses, b"\x04\0\x01x");
        assert_eq!(verdict(&bytes), Parsed::Header { length: bytes.len(), ends: None });
    }
    // LOCAL: family and block are skipped, whatever they are.
    let mut bytes = with_extensions(0xff, 5, b"");
    bytes[12] = LOCAL;
    assert_eq!(verdict(&bytes), Parsed::Header { length: 21, ends: None });
}

#[test]
fn extensions_are_walked_and_a_checksum_is_held_against() {
    let alpn_and_authority = b"\x01\0\x02h2\x02\0\x08mim.test\x04\0\0";
    for extensions in [&b""[..], alpn_and_authority, b"\x20\0\x05\x01\0\0\0\0", b"\xee\0\0"] {
        assert!(matches!(verdict(&with_extensions(TCP4, 12, extensions)), Parsed::Header { .. }));
    }
    for extensions in [&b"\x01"[..], b"\x01\0", b"\x01\0\x01", b"\x01\0\x02h", b"\x04\0\0\x04\xff\xffx"] {
        assert!(matches!(verdict(&with_extensions(TCP4, 12, extensions)), Parsed::Bad(_)), "{extensions:?}");
    }
    let mut bytes = with_extensions(TCP4, 12, b"\x04\0\x01x\x03\0\x04\0\0\0\0\x04\0\0");
    let at = 16 + 12 + 4 + 3;
    assert_eq!(verdict(&bytes), Parsed::Bad("the checksum is wrong"));
    let sum = crc32c(&bytes, 0..0);
    bytes[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    assert!(matches!(verdict(&bytes), Parsed::Header { .. }));
    bytes[17] ^= 1;
    assert_eq!(verdict(&bytes), Parsed::Bad("the checksum is wrong"));
    let short = with_extensions(TCP4, 12, b"\x03\0\x03abc");
    assert!(matches!(verdict(&short), Parsed::Bad(_)));
    // The check value of CRC-32C.
    assert_eq!(crc32c(b"123456789", 0..0), 0xe306_9283);
}

#[test]
fn what_is_nearly_version_2_is_refused() {
    let good = with_extensions(TCP4, 12, b"");
    for (at, byte) in [
        (12, 0x11),
        (12, 0x31),
        (12, 0x22),
        (12, 0x2f),
        (13, 0x12),
        (13, 0x22),
        (13, 0x32),
        (13, 0x10),
        (13, 0x41),
        (13, 0x01),
    ] {
        let mut bytes = good.clone();
        bytes[at] = byte;
        assert!(matches!(verdict(&bytes), Parsed::Bad(_)), "{byte:#x} at {at}");
    }
    let mut short = good.clone();
    short[15] = 11;
    assert_eq!(verdict(&short), Parsed::Bad("it is too short for its addresses"));
    let longest =
        with_extensions(TCP4, 12, &[b"\xee".as_slice(), &(4068u16 - 3).to_be_bytes(), &[0; 4065]].concat());
    assert_eq!(longest.len(), LONGEST_V2);
    assert!(matches!(verdict(&longest), Parsed::Header { .. }));
    let mut longer = longest;
    longer.push(0);
    longer[14..16].copy_from_slice(&4081u16.to_be_bytes());
    assert_eq!(parse(&longer[..16]), Parsed::Bad("the header is too long"));
}
