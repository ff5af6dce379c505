use super::*;
use std::path::Path;

use ClientClass::{Browser, Soap};

fn class_of(path: &str, content_type: &str, soap_action: bool) -> (ClientClass, Why) {
    let content_type = Some(content_type).filter(|text| !text.is_empty());
    classify(&ClassFacts {
        path: path.as_bytes(),
        content_type: content_type.map(str::as_bytes),
        soap_action,
    })
}

const ANY: &str = "/_vti_bin/lists.asmx";

#[test]
fn media_types_of_soap() {
    for (content_type, expected) in [
        ("application/soap+xml", Some(Why::SoapContentType)),
        ("application/soap+xml; charset=utf-8", Some(Why::SoapContentType)),
        ("application/soap+xml;action=\"urn:x\";charset=utf-8", Some(Why::SoapContentType)),
        ("  APPLICATION/Soap+XML\t;", Some(Why::SoapContentType)),
        ("application/soap+msbin1", Some(Why::SoapContentType)),
        ("application/soap+msbin1+gzip", Some(Why::SoapContentType)),
        ("application/soap+msbin1+deflate", Some(Why::SoapContentType)),
        ("application/soap+msbinsession1", Some(Why::SoapContentType)),
        ("application/soap+MSBinSession1+Gzip", Some(Why::SoapContentType)),
        ("application/soap+msbinsession1+deflate", Some(Why::SoapContentType)),
        // What only starts or ends like one.
        ("application/soap", None),
        ("application/soap+", None),
        ("application/soap+xml2", None),
        ("application/soap+xml+zip", None),
        ("application/soap+msbin", None),
        ("application/soap+msbin2", None),
        ("application/soap+msbin1+br", None),
        ("application/soapbox", None),
        ("x-application/soap+xml", None),
        ("text/plain; application/soap+xml", None),
        ("text/plain; type=\"application/soap+xml\"", None),
        ("soap+xml", None),
        // Browsers.
        ("", None),
        (";", None),
        ("application/xml", None),
        ("application/json", None),
        ("application/x-www-form-urlencoded", None),
        ("multipart/form-data; boundary=application/xop+xml", None),
    ] {
        for soap_action in [false, true] {
            let expected = expected.map_or((Browser, Why::Default), |why| (Soap, why));
            assert_eq!(class_of(ANY, content_type, soap_action), expected, "{content_type}");
        }
    }
}

#[test]
fn text_xml_is_soap_with_soap_action_only() {
    // An ASMX client calls itself Mozilla; nobody asks.
    assert_eq!(class_of(ANY, "text/xml; charset=utf-8", true), (Soap, Why::SoapAction));
    assert_eq!(class_of(ANY, "Text/XML", true), (Soap, Why::SoapAction));
    // A browser that posts a document.
    assert_eq!(class_of(ANY, "text/xml; charset=utf-8", false), (Browser, Why::Default));
    assert_eq!(class_of(ANY, "text/xml-external-parsed-entity", true), (Browser, Why::Default));
    assert_eq!(class_of(ANY, "", true), (Browser, Why::Default));
}

#[test]
fn mtom_is_soap() {
    for (content_type, soap) in [
        (
            "multipart/related; type=\"application/xop+xml\";start=\"<http://tempuri.org/0>\";boundary=\"uuid:1+id=1\";\
             start-info=\"application/soap+xml\"",
            true,
        ),
        ("multipart/related;type=application/xop+xml", true),
        ("Multipart/Related ; boundary=x ; Type = \"Application/XOP+XML\"", true),
        ("multipart/related; type=\"application\\/xop+xml\"", true),
        ("multipart/related; start-info=\"application/soap+xml; action=\\\"urn:x;y\\\"\"", true),
        ("multipart/related; START-INFO=application/soap+msbin1", true),
        ("multipart/related; a; =; type=\"application/xop+xml", true),
        ("multipart/related", false),
        ("multipart/related; type", false),
        ("multipart/related; type=\"text/html\"; start-info=\"text/html\"", false),
        ("multipart/related; type=\"application/xop+xml2\"", false),
        ("multipart/related; type=\"application/xop+xm\"", false),
        ("multipart/related; start-info=\"application/soap\"", false),
        ("multipart/related; xtype=application/xop+xml", false),
        ("multipart/related; boundary=\"; type=application/xop+xml\"", false),
        ("multipart/related; boundary=\"\\\"; type=application/xop+xml; a=\\\"\"", false),
        ("multipart/mixed; type=\"application/xop+xml\"", false),
    ] {
        let expected = if soap { (Soap, Why::Mtom) } else { (Browser, Why::Default) };
        assert_eq!(class_of("/", content_type, false), expected, "{content_type}");
    }
}

#[test]
fn the_paths_of_mim_service_are_soap() {
    for (path, soap) in [
        ("/ResourceManagementService/Enumeration", true),
        ("/ResourceManagementService/", true),
        ("/resourcemanagementservice/MEX?wsdl", true),
        ("/ResourceManagementService", false),
        ("/ResourceManagementServices/MEX", false),
        ("/IdentityManagement/ResourceManagementService/", false),
        ("/IdentityManagement/aspx/users/AllPersons.aspx", false),
        ("/", false),
        ("*", false),
        ("", false),
    ] {
        let expected = if soap { (Soap, Why::MimPath) } else { (Browser, Why::Default) };
        assert_eq!(class_of(path, "", false), expected, "{path}");
    }
}

/// The heads in a recorded stream of requests: path, `Content-Type`, whether there is a `SOAPAction`.
fn heads(mut stream: &[u8]) -> Vec<(String, String, bool)> {
    let mut heads = Vec::new();
    while !stream.is_empty() {
        let end = stream.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a whole head");
        let head = std::str::from_utf8(&stream[..end]).unwrap();
        let (request_line, fields) = head.split_once("\r\n").unwrap();
        let field = |wanted: &str| {
            fields
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.trim())
        };
        let length: usize = field("Content-Length").expect("a length").parse().unwrap();
        let path = request_line.split(' ').nth(1).unwrap();
        heads.push((
            path.to_owned(),
            field("Content-Type").expect("a type").to_owned(),
            field("SOAPAction").is_some(),
        ));
        stream = &stream[end + 4 + length..];
    }
    heads
}

#[test]
fn every_recorded_wcf_request_is_soap() {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wcf");
    for (folder, whys) in [("close", [9, 9, 9]), ("keepalive", [9, 9, 9])] {
        let mut found = [0; 3];
        for entry in std::fs::read_dir(recordings.join(folder)).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_none_or(|extension| extension != "request") {
                continue;
            }
            for (path, content_type, soap_action) in heads(&std::fs::read(&file).unwrap()) {
                assert_eq!(class_of(&path, &content_type, soap_action), (Soap, Why::MimPath), "{file:?}");
                // The head tells as much without the path.
                let (class, why) = class_of("/", &content_type, soap_action);
                assert_eq!(class, Soap, "{file:?}");
                let kind = match (why, content_type.as_str()) {
                    (Why::SoapContentType, "application/soap+xml; charset=utf-8") => 0,
                    (Why::SoapAction, "text/xml; charset=utf-8") => 1,
                    (Why::SoapContentType, "application/soap+msbin1") => 2,
                    other => panic!("{file:?}: {other:?}"),
                };
                found[kind] += 1;
            }
        }
        assert_eq!(found, whys, "{folder}");
    }
}
