"""The public pages: joining, confirming, preferences, leaving. Short, since they stand in mail."""

from django.urls import URLPattern

app_name = "subscribers"
urlpatterns: list[URLPattern] = []
