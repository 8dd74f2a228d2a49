"""Scaling policies and alarms as the real AWS provider makes, reads and destroys them, on a local cloud without containers."""

import subprocess

from conftest import LocalCloud, wait_for
from test_terraform import require_terraform, write_configuration

CONFIGURATION = """
provider "aws" {
  region = "us-east-1"
}

data "aws_subnets" "default" {
  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

resource "aws_ecs_cluster" "alpha" {
  name = "alpha"
}

resource "aws_ecs_task_definition" "web" {
  family                   = "web"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = 256
  memory                   = 512
  container_definitions    = jsonencode([{ name = "web", image = "web:1", essential = true }])
}

resource "aws_ecs_service" "web" {
  name            = "web"
  cluster         = aws_ecs_cluster.alpha.id
  task_definition = aws_ecs_task_definition.web.arn
  desired_count   = 1
  launch_type     = "FARGATE"
  network_configuration {
    subnets = data.aws_subnets.default.ids
  }
  lifecycle {
    ignore_changes = [desired_count]
  }
}

resource "aws_appautoscaling_target" "web" {
  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.alpha.name}/${aws_ecs_service.web.name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = 2
  max_capacity       = 6
  tags               = { env = "alpha" }
}

resource "aws_appautoscaling_policy" "cpu" {
  name               = "cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.web.service_namespace
  resource_id        = aws_appautoscaling_target.web.resource_id
  scalable_dimension = aws_appautoscaling_target.web.scalable_dimension
  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_in_cooldown  = 120
    scale_out_cooldown = 30
    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_policy" "jobs" {
  name               = "jobs"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.web.service_namespace
  resource_id        = aws_appautoscaling_target.web.resource_id
  scalable_dimension = aws_appautoscaling_target.web.scalable_dimension
  step_scaling_policy_configuration {
    adjustment_type         = "ChangeInCapacity"
    cooldown                = 60
    metric_aggregation_type = "Maximum"
    step_adjustment {
      metric_interval_lower_bound = 0
      metric_interval_upper_bound = 10
      scaling_adjustment          = 1
    }
    step_adjustment {
      metric_interval_lower_bound = 10
      scaling_adjustment          = 2
    }
  }
}

resource "aws_appautoscaling_scheduled_action" "night" {
  name               = "night"
  service_namespace  = aws_appautoscaling_target.web.service_namespace
  resource_id        = aws_appautoscaling_target.web.resource_id
  scalable_dimension = aws_appautoscaling_target.web.scalable_dimension
  schedule           = "cron(0 20 ? * MON-FRI *)"
  scalable_target_action {
    min_capacity = 0
    max_capacity = 0
  }
}

resource "aws_cloudwatch_metric_alarm" "jobs" {
  alarm_name          = "jobs"
  alarm_description   = "too many jobs"
  namespace           = "app"
  metric_name         = "jobs"
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 2
  datapoints_to_alarm = 1
  threshold           = 5.5
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_appautoscaling_policy.jobs.arn]
  dimensions          = { queue = "mail" }
  tags                = { env = "alpha" }
}
"""


def test_scaling_is_made_read_and_destroyed(program, tmp_path):
    mirror = require_terraform()
    cloud = LocalCloud(program)
    (tmp_path / "main.tf").write_text(CONFIGURATION)
    write_configuration(tmp_path, mirror)

    def terraform(*arguments):
        result = subprocess.run(
            ["terraform", *arguments, "-no-color", "-input=false"], cwd=tmp_path, text=True, timeout=300,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**cloud.environment, "AWS_ENDPOINT_URL": cloud.endpoint, "TF_CLI_CONFIG_FILE": str(tmp_path / "terraform.rc")})
        assert result.returncode == 0, result.stdout[-6000:]
        return result.stdout

    try:
        cloud.start("--runtime", "none").wait_for_engine()
        terraform("init")
        terraform("apply", "-auto-approve")
        ecs = cloud.client("ecs")
        wait_for(lambda: ecs.describe_services(cluster="alpha", services=["web"])["services"][0]["desiredCount"] == 2,
                 "the service is within its bounds", 10)
        alarms = [alarm["AlarmName"] for alarm in cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]]
        assert len(alarms) == 3 and "jobs" in alarms
        assert "No changes." in terraform("plan")
        terraform("destroy", "-auto-approve")
        assert cloud.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    finally:
        cloud.remove()
