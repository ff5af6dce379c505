//! The final response head has arrived: remember who served, set the cookie, keep caches off it.

use super::Shared;
use super::connection_auth::binds;
use super::context::RequestContext;
use super::select::scope;
use crate::engine::edits::Edits;
use crate::engine::handler::Binding;
use crate::engine::head::ResponseHead;
use crate::snapshot::{Binds, ResponseRules};

pub(super) fn respond(
    shared: &Shared,
    context: &mut RequestContext,
    response: &ResponseHead<'_, '_>,
    edits: &mut Edits<'_>,
) -> Option<Binding> {
    let route = context.route.and_then(|index| context.snapshot.routes.get(index));
    let rules = route.and_then(|route| route.response.as_deref());
    if let Some(rules) = rules {
        edit(rules, response, edits);
    }
    let now = shared.clock.now();
    let served_by = context.backend().map(|backend| backend.node.id);
    let (Some(served_by), Some(selection)) = (served_by, context.selection.as_mut()) else { return None };
    // Without a cluster nobody else wants to know.
    let _events = context.snapshot.selector.commit(selection, served_by, now);
    let mark = edits.mark();
    edits.begin("Set-Cookie");
    let tls = context.tls;
    if edits.value_with(|out| context.snapshot.selector.set_cookie(selection, tls, now, out)) {
        edits.finish();
        keep_private(response, rules, edits);
        if let Some(tally) = context.group_tally() {
            tally.cookies_set.one();
        }
    } else {
        edits.rewind(mark);
    }
    challenge(context, response)
}

/// What the route says of its responses.
fn edit(rules: &ResponseRules, response: &ResponseHead<'_, '_>, edits: &mut Edits<'_>) {
    for (index, field) in response.fields.iter().enumerate() {
        if rules.drops(field.name) {
            edits.drop_field(index);
        }
    }
    edits.add_lines(rules.lines());
}

/// A challenge of connection-bound authentication binds the client's connection to the node that gave it; so does
/// the news that there was one.
fn challenge(context: &RequestContext, response: &ResponseHead<'_, '_>) -> Option<Binding> {
    let targets = context.targets()?;
    (targets.binds == Binds::OnSight && binds(response)).then_some(())?;
    Some(Binding { scope: scope(targets.pool.index), member: u32::from(context.backend()?.node.id.0) })
}

/// Lets no shared cache keep a response that carries the cookie (RFC 9111 section 5.2.2): directives that
/// invite one are taken out, `private` is put in. What only shared caches read goes (RFC 9213). What the route takes
/// out says nothing any more; what it sets stands beside `private`, which no cache overlooks.
fn keep_private(response: &ResponseHead<'_, '_>, rules: Option<&ResponseRules>, edits: &mut Edits<'_>) {
    let mut stays_private = false;
    for (index, field) in response.fields.iter().enumerate() {
        if rules.is_some_and(|rules| rules.drops(field.name)) {
            continue;
        }
        if field.name.eq_ignore_ascii_case("cdn-cache-control")
            || field.name.eq_ignore_ascii_case("surrogate-control")
        {
            edits.drop_field(index);
        }
        if !field.name.eq_ignore_ascii_case("cache-control") {
            continue;
        }
        let mut directives = field.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        if directives.clone().any(|directive| {
            directive.eq_ignore_ascii_case(b"private") || directive.eq_ignore_ascii_case(b"no-store")
        }) {
            stays_private = true;
        }
        if directives.clone().any(is_inviting) {
            edits.drop_field(index);
            let mark = edits.mark();
            edits.begin("Cache-Control");
            let mut any = false;
            for directive in directives.by_ref().filter(|directive| !is_inviting(directive)) {
                if any {
                    edits.value(b", ");
                }
                edits.value(directive);
                any = true;
            }
            if any { edits.finish() } else { edits.rewind(mark) }
        }
    }
    if !stays_private {
        edits.add("Cache-Control", b"private");
    }
}

fn is_inviting(directive: &[u8]) -> bool {
    directive.eq_ignore_ascii_case(b"public")
        || directive.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"s-maxage"))
}
