// Each of these tests starts several processes that compute; side by side they would only starve each other on a small machine.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
