"""What the benchmark scripts share: pictures, hosts, contenders, and honest counting."""
