// The REST API, on the same host as this page. Every failure is an Error whose message can be shown.

async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { headers: { Accept: "application/json", ...options.headers }, ...options });
  } catch {
    throw new Error("The server can't be reached");
  }
  const isJson = (response.headers.get("Content-Type") || "").includes("json");
  const document = isJson ? await response.json() : null;
  if (response.ok && isJson) return document;
  if (response.status === 400 && document) {
    throw new Error(Object.entries(document).map(([field, reasons]) => `${field}: ${[].concat(reasons).join(" ")}`).join(" · "));
  }
  throw new Error(document?.detail || `The server answered ${response.status}`);
}

export const getInfo = () => request("/api/info");
export const getPosts = (limit) => request(`/api/posts/?limit=${limit}`);
export const getPost = (id) => request(`/api/posts/${encodeURIComponent(id)}/`);

export function createPost({ author, body, image }) {
  const form = new FormData();
  form.append("author", author);
  form.append("body", body);
  if (image) form.append("image", image);
  // Only somebody who is logged in (in the admin, say) has this cookie, and then the API wants it back.
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  return request("/api/posts/", { method: "POST", body: form, headers: token ? { "X-CSRFToken": token } : {} });
}
