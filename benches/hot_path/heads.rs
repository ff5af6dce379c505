//! Heads, as a browser and as WCF send them.

use criterion::{Criterion, Throughput};
use identity_edge::engine::head::{
    FieldStorage, Method, RequestFacts, Scan, parse_request, parse_response, scan,
};
use std::hint::black_box;

fn request(large: bool) -> Vec<u8> {
    let mut head = b"POST /ResourceManagementService/Enumeration HTTP/1.1\r\nHost: mim.example.com:5725\r\n\
        Content-Type: application/soap+xml; charset=utf-8\r\nContent-Length: 2048\r\n"
        .to_vec();
    if large {
        head.extend_from_slice(b"Authorization: Negotiate ");
        head.extend(std::iter::repeat_n(b'Y', 12_000));
        head.extend_from_slice(b"\r\n");
        for number in 0..40 {
            head.extend_from_slice(
                format!("X-Header-{number}: some value of a usual length {number}\r\n").as_bytes(),
            );
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn response(large: bool) -> Vec<u8> {
    let mut head =
        b"HTTP/1.1 200 OK\r\nContent-Length: 5120\r\nContent-Type: application/soap+xml; charset=utf-8\r\n\
        Server: Microsoft-HTTPAPI/2.0\r\nDate: Sun, 22 Nov 2026 05:30:00 GMT\r\n"
            .to_vec();
    if large {
        for number in 0..40 {
            head.extend_from_slice(
                format!("Set-Cookie: name{number}={}; path=/; HttpOnly\r\n", "v".repeat(200)).as_bytes(),
            );
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

const GET: RequestFacts = RequestFacts::plain(Method::Get);

/// Finding the end and judging.
pub fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head");
    for (name, large) in [("small", false), ("large", true)] {
        let head = request(large);
        assert_eq!(scan(&head, 0), Scan::Complete(head.len()));
        group.throughput(Throughput::Bytes(head.len() as u64));
        group.bench_function(format!("request {name}"), |bencher| {
            bencher.iter(|| {
                black_box(scan(black_box(&head), 0));
                parse_request(black_box(&head), &mut FieldStorage::new()).unwrap().facts
            });
        });
        let head = response(large);
        group.throughput(Throughput::Bytes(head.len() as u64));
        group.bench_function(format!("response {name}"), |bencher| {
            bencher.iter(|| {
                black_box(scan(black_box(&head), 0));
                parse_response(black_box(&head), &mut FieldStorage::new(), &GET).unwrap().facts
            });
        });
    }
}
