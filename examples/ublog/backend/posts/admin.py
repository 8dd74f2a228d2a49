from django.contrib import admin

from .models import Heartbeat, Post


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):
    list_display = ["id", "author", "body", "created_at", "word_count", "processed"]
    readonly_fields = ["created_at", "word_count", "processed"]
    search_fields = ["author", "body"]


@admin.register(Heartbeat)
class HeartbeatAdmin(admin.ModelAdmin):
    list_display = ["last_beat", "beats", "worker"]
