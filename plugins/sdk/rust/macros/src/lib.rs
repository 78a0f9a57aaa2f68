//! The attribute `#[hookyard::handler]`.

use proc_macro::{TokenStream, TokenTree};

/// Makes a function the handler of the plugin.
///
/// The function has the form `fn handle(event: Event, delivery: Delivery) -> Outcome`. The module
/// `webhooks`, which `hookyard build` writes to `gen/webhooks.rs`, must be in scope.
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if !arguments.is_empty() {
        return error("`#[hookyard::handler]` has no arguments");
    }
    let mut tokens = item.clone().into_iter();
    let is_fn = |token: &TokenTree| token.to_string() == "fn";
    let Some(TokenTree::Ident(name)) = tokens.by_ref().skip_while(|it| !is_fn(it)).nth(1) else {
        return error("`#[hookyard::handler]` belongs on a function");
    };

    let mut output = item;
    output.extend(parse(&format!("webhooks::export!({name});")));
    output
}

fn error(message: &str) -> TokenStream {
    parse(&format!("compile_error!({message:?});"))
}

fn parse(text: &str) -> TokenStream {
    text.parse().unwrap_or_default()
}
