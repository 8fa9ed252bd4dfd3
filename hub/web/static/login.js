import { call, show } from "/static/http.js";

const form = document.getElementById("login");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const error = form.querySelector(".error");
  const button = form.querySelector("button");
  show(error, "");
  button.disabled = true;
  try {
    await call("POST", "/api/login", { user: form.user.value.trim(), password: form.password.value });
    location.assign("/");
  } catch (refusal) {
    show(error, refusal.message);
    form.password.select();
  } finally {
    button.disabled = false;
  }
});
