//! The little of XML that the demo's SOAP needs: which operation a body asks for, and an element's text.
//!
//! Names are compared without their prefix. It is a reader for messages of known shape, not a parser.

/// The name of the first element in the SOAP body, or of the outermost one where there is no envelope.
pub(super) fn operation(message: &str) -> Option<&str> {
    let mut tags = tags(message);
    let first = tags.next()?;
    if local(first.name) != "Envelope" {
        return Some(local(first.name));
    }
    tags.find(|tag| local(tag.name) == "Body")?;
    tags.next().map(|tag| local(tag.name))
}

/// The text of the first element of this name.
pub(super) fn text<'m>(message: &'m str, name: &str) -> Option<&'m str> {
    let tag = tags(message).find(|tag| local(tag.name) == name)?;
    let rest = message.get(tag.end..)?;
    rest.split('<').next().map(str::trim)
}

/// `text` as character data.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

struct Tag<'m> {
    name: &'m str,
    /// Where it ends in the message.
    end: usize,
}

/// Every start tag, in order.
fn tags(message: &str) -> impl Iterator<Item = Tag<'_>> {
    message.match_indices('<').filter_map(|(start, _)| {
        let inside = message.get(start + 1..)?;
        let length = inside.find('>')?;
        let name = inside.get(..length)?.split([' ', '\t', '\r', '\n', '/']).next()?;
        let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        starts.then_some(Tag { name, end: start + length + 2 })
    })
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_the_first_element_of_the_body() {
        let message = "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"x\"><s:Header><a:To>y</a:To></s:Header>\
                       <s:Body><w:Pull xmlns:w=\"z\"><w:context a=\"b\">c1</w:context></w:Pull></s:Body></s:Envelope>";
        assert_eq!(operation(message), Some("Pull"));
        assert_eq!(text(message, "context"), Some("c1"));
        assert_eq!(text(message, "token"), None);
    }

    #[test]
    fn an_envelope_may_be_left_out() {
        assert_eq!(operation("<Enumerate/>"), Some("Enumerate"));
        assert_eq!(operation("no element < at all"), None);
    }
}
