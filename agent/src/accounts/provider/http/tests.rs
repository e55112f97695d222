use super::*;

fn goes_to(from: &str, location: &str) -> Option<String> {
    let from = Url::parse(from).unwrap();
    redirected(&from, location).ok().map(|url| url.to_string())
}

#[test]
fn a_redirect_never_leads_from_https_to_http() {
    let issuer = "https://id.example.com/a";
    for location in [
        "http://id.example.com/b",
        "http://127.0.0.1:8080/b",
        "http://localhost/b",
        "ftp://id.example.com/b",
        "//",
    ] {
        assert_eq!(goes_to(issuer, location), None, "{location}");
    }
    for (location, to) in [
        ("/b", "https://id.example.com/b"),
        ("//other.example.com/b", "https://other.example.com/b"),
        ("https://localhost/b", "https://localhost/b"),
    ] {
        assert_eq!(goes_to(issuer, location).as_deref(), Some(to));
    }
}

#[test]
fn an_address_on_this_machine_may_lead_to_another() {
    let issuer = "http://127.0.0.1:8080/a";
    assert!(goes_to(issuer, "http://localhost:9/b").is_some());
    assert!(goes_to(issuer, "https://id.example.com/b").is_some());
    assert!(goes_to(issuer, "http://id.example.com/b").is_none());
}

/// Counts the requests to a server that answers each with a redirect to itself.
async fn redirecting() -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let requests = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (count, location) = (requests.clone(), url.clone());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
            let answer = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\n\
                 Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, requests)
}

#[tokio::test]
async fn a_document_is_redirected_three_times_at_most_and_tokens_never() {
    let http = Http::new(std::sync::Arc::new(
        crate::desktop::surroundings::Surroundings::of_process(false),
    ));
    let (url, requests) = redirecting().await;
    let document = http.get(&url).await;
    assert!(matches!(document, Err(HttpError::Redirects(_))));
    assert_eq!(requests.load(std::sync::atomic::Ordering::SeqCst), 4);
    let (url, requests) = redirecting().await;
    let post = Request::post(&url).body(b"code=a".to_vec()).unwrap();
    let answer = http.send(post).await.unwrap();
    assert_eq!(answer.status(), 307);
    assert_eq!(requests.load(std::sync::atomic::Ordering::SeqCst), 1);
}
