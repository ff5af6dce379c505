//! SOAP client or browser, by what the request's head says.
//!
//! WCF clients keep no cookies and must be known by their address; browsers share addresses and must be
//! known by a cookie. The user agent says nothing: WCF sends none, and ASMX clients call themselves
//! Mozilla. `SOAPAction` alone says nothing either: WCF sends it for SOAP 1.1 only, which is why a missing
//! one is no sign of a browser.
//!
//! A valid persistence cookie wins over all of this (SharePoint's own pages send SOAP from a browser); that
//! is decided before [`classify`] is asked.

mod media_type;
#[cfg(test)]
mod tests;

use media_type::{essence, parameters};

/// What kind of client sent the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientClass {
    /// A web service client: known by its address, gets no cookie.
    Soap,
    /// Anything else: known by its cookie.
    Browser,
}

impl ClientClass {
    /// One word, for logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Soap => "soap",
            Self::Browser => "browser",
        }
    }
}

/// Why a client is handled as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// It has a valid persistence cookie.
    Cookie,
    /// Its address has a fixed home.
    Static,
    /// Its media type is one of SOAP's.
    SoapContentType,
    /// `text/xml` with `SOAPAction`: SOAP 1.1.
    SoapAction,
    /// Its path is one of MIM Service's.
    MimPath,
    /// SOAP in MTOM's multipart wrapping.
    Mtom,
    /// Nothing speaks for SOAP.
    Default,
    /// The group leaves no choice.
    Group,
}

impl Why {
    /// Every rule there is, in order.
    pub const ALL: [Self; 8] = [
        Self::Cookie,
        Self::Static,
        Self::SoapContentType,
        Self::SoapAction,
        Self::MimPath,
        Self::Mtom,
        Self::Default,
        Self::Group,
    ];

    /// One word, for logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Static => "static",
            Self::SoapContentType => "soap_content_type",
            Self::SoapAction => "soap_action",
            Self::MimPath => "mim_path",
            Self::Mtom => "mtom",
            Self::Default => "default",
            Self::Group => "group",
        }
    }
}

/// What [`classify`] looks at.
#[derive(Clone, Copy, Debug)]
pub struct ClassFacts<'a> {
    /// The request's path as it was sent.
    pub path: &'a [u8],
    /// Its `Content-Type`.
    pub content_type: Option<&'a [u8]>,
    /// Whether it has a `SOAPAction` field, even an empty one.
    pub soap_action: bool,
}

/// Every path of MIM Service and its token service lies under it.
const MIM_PATH: &[u8] = b"/ResourceManagementService/";

/// The media types of SOAP 1.2 (RFC 3902) and of WCF's binary encodings ([MC-NBFS] and [MC-NBFSE] over HTTP).
const SOAP_TYPES: [&[u8]; 7] = [
    b"application/soap+xml",
    b"application/soap+msbin1",
    b"application/soap+msbin1+gzip",
    b"application/soap+msbin1+deflate",
    b"application/soap+msbinsession1",
    b"application/soap+msbinsession1+gzip",
    b"application/soap+msbinsession1+deflate",
];

/// What kind of client sent a request with these `facts`, and which of them told. Nothing is allocated.
#[must_use]
pub fn classify(facts: &ClassFacts<'_>) -> (ClientClass, Why) {
    // Windows matches paths without regard to case. To take a browser for a SOAP client costs little, the
    // other way round breaks the client, and no page of a portal lies under this path.
    if facts.path.get(..MIM_PATH.len()).is_some_and(|start| start.eq_ignore_ascii_case(MIM_PATH)) {
        return (ClientClass::Soap, Why::MimPath);
    }
    let Some(content_type) = facts.content_type else { return (ClientClass::Browser, Why::Default) };
    let media_type = essence(content_type);
    if is_soap(media_type) {
        return (ClientClass::Soap, Why::SoapContentType);
    }
    // Without SOAPAction it is a browser's XMLHttpRequest with a document.
    if facts.soap_action && media_type.eq_ignore_ascii_case(b"text/xml") {
        return (ClientClass::Soap, Why::SoapAction);
    }
    if media_type.eq_ignore_ascii_case(b"multipart/related") && is_mtom(content_type) {
        return (ClientClass::Soap, Why::Mtom);
    }
    (ClientClass::Browser, Why::Default)
}

fn is_soap(media_type: &[u8]) -> bool {
    SOAP_TYPES.iter().any(|soap| media_type.eq_ignore_ascii_case(soap))
}

/// MTOM's parameters: <https://www.w3.org/TR/soap12-mtom/>, section 3, and
/// <https://www.w3.org/TR/xop10/>, section 4.1.
fn is_mtom(content_type: &[u8]) -> bool {
    parameters(content_type).any(|(name, value)| {
        if name.eq_ignore_ascii_case(b"type") {
            value.is(b"application/xop+xml")
        } else {
            name.eq_ignore_ascii_case(b"start-info") && SOAP_TYPES.iter().any(|soap| value.has_essence(soap))
        }
    })
}
