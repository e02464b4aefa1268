# Varnish in front of three nodes (node.conf), or of one: it keeps the pictures, and a URL goes
# to the same node. docs/cluster.md.
#
#   varnishd -a :80 -f /etc/varnish/pictures.vcl -s malloc,1g
vcl 4.1;

import directors;

probe tmpstat {
    .request =
        "GET /tmpstat?auto HTTP/1.1"
        "Host: pictures.example"
        "Connection: close";
    .interval = 2s;
    .timeout = 1s;
    .window = 4;
    .threshold = 2;
    .initial = 2;
}

backend a { .host = "10.0.0.11"; .port = "80"; .probe = tmpstat; .connect_timeout = 1s; .first_byte_timeout = 45s; }
backend b { .host = "10.0.0.12"; .port = "80"; .probe = tmpstat; .connect_timeout = 1s; .first_byte_timeout = 45s; }
backend c { .host = "10.0.0.13"; .port = "80"; .probe = tmpstat; .connect_timeout = 1s; .first_byte_timeout = 45s; }

# What may say that a picture has changed.
acl purgers {
    "localhost";
    "10.0.0.0"/8;
}

sub vcl_init {
    # Consistent: a node more or less moves only its share. A node that is back has little to do
    # at first.
    new nodes = directors.shard();
    nodes.add_backend(a);
    nodes.add_backend(b);
    nodes.add_backend(c);
    nodes.set_rampup(30s);
    nodes.reconfigure();
}

sub vcl_recv {
    # PURGE /img/cat.jpg: all that was made of it, whatever its size.
    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(405));
        }
        ban("obj.http.x-original == " + regsub(regsub(req.url, "/small_light\([^/]*\)", ""), "\?.*", ""));
        return (synth(200, "Purged"));
    }
    if (req.method != "GET" && req.method != "HEAD") {
        return (synth(405));
    }
    unset req.http.Cookie;
    # of=auto answers with Vary: Accept: three kinds of client, three copies.
    if (req.http.Accept ~ "image/avif") {
        set req.http.Accept = "image/avif,*/*";
    } elsif (req.http.Accept ~ "image/webp") {
        set req.http.Accept = "image/webp,*/*";
    } else {
        set req.http.Accept = "*/*";
    }
}

sub vcl_backend_fetch {
    # The next node on the ring when this one has failed.
    set bereq.backend = nodes.backend(by=URL, alt=bereq.retries);
}

sub vcl_backend_response {
    set beresp.http.x-original = regsub(regsub(bereq.url, "/small_light\([^/]*\)", ""), "\?.*", "");
    # An hour without being asked for again, where the answer does not say; then an old picture
    # while the new one is made, and for a day when no node answers.
    if (beresp.status == 200 && !beresp.http.Cache-Control) {
        set beresp.ttl = 1h;
    }
    set beresp.grace = 24h;
    # Refusals and errors are not kept.
    if (beresp.status >= 500) {
        set beresp.uncacheable = true;
        set beresp.ttl = 0s;
    }
}

sub vcl_backend_error {
    if (bereq.retries < 2) {
        return (retry);
    }
}

sub vcl_deliver {
    unset resp.http.x-original;
}
