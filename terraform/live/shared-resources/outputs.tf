output "shared" {
  value = module.shared_resources.shared
}

output "bastion_instance_id" {
  value = module.shared_resources.bastion_instance_id
}
