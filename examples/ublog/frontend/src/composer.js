import { createPost } from "./api.js";

const kLength = 500;

export const Composer = {
  emits: ["created"],
  data: () => ({ author: localStorage.getItem("author") || "", body: "", image: null, sending: false, error: "" }),
  computed: {
    left() {
      return kLength - this.body.length;
    },
    ready() {
      return !this.sending && this.author.trim() && this.body.trim() && this.left >= 0;
    },
  },
  methods: {
    choose(event) {
      this.image = event.target.files[0] || null;
    },
    async send() {
      if (!this.ready) return;
      this.sending = true;
      this.error = "";
      try {
        const post = await createPost({ author: this.author.trim(), body: this.body.trim(), image: this.image });
        localStorage.setItem("author", this.author.trim());
        this.body = "";
        this.image = null;
        this.$refs.file.value = "";
        this.$emit("created", post);
      } catch (error) {
        this.error = error.message;
      } finally {
        this.sending = false;
      }
    },
  },
  template: `
    <form class="composer" @submit.prevent="send">
      <input v-model="author" name="author" maxlength="40" placeholder="Your name" aria-label="Your name" autocomplete="nickname">
      <textarea v-model="body" name="body" rows="3" placeholder="What's on your mind?" aria-label="Post"
        @keydown.ctrl.enter="send" @keydown.meta.enter="send"></textarea>
      <p v-if="error" class="error" role="alert">{{ error }}</p>
      <div class="row">
        <label class="file">
          <input ref="file" type="file" accept="image/*" @change="choose">
          <span>{{ image ? image.name : "Add an image" }}</span>
        </label>
        <span class="left" :class="{ over: left < 0 }">{{ left }}</span>
        <button :disabled="!ready">{{ sending ? "Publishing…" : "Publish" }}</button>
      </div>
    </form>`,
};
